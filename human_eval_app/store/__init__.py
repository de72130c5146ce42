"""The ratings: who is asked what next, and what of it is kept."""
