"""GenEval's check of pictures by an object detector (Ghosh et al. 2023): rules, detectors, colours.

Written from the paper and the project's description; the rules and thresholds are GenEval's.
"""
