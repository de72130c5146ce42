"""Training one stage of a cascade: data, objective, optimiser, loop and what it writes as it goes."""
