"""Whether a run is worse than a baseline by more than a margin: one verdict, and everything made from it.

`verdict` decides from numbers alone; `judge` gets the numbers from two run folders, or from a kept baseline
and a run folder; the modules named after an output only write down what the verdict says.
"""
