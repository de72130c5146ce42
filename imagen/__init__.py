"""The built-in model: a text-to-image cascade after Saharia et al. (2022). Imports nothing of ours."""
