"""A page over all runs in a folder: what there is, who leads by which metric, and how scores moved."""

from harness.results_index.page import write_index

__all__ = ["write_index"]
