"""The self-test: reference values through the installed stack, each stage apart.

Decode, resize, tokenise, features, metric: what goes into a stage's checks does not come from the stage
before it, so the stage whose numbers moved is the one that moved.
"""
