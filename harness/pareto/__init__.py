"""Quality against alignment: the curves of the paper's figures 4 and A.8 to A.14, their fronts and errors."""
