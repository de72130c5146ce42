"""Uncertainty of means, differences and whole-set numbers where values are not independent.

Values that share a prompt are not independent, so the prompt is the unit: a *cluster*. Where a second thing
is shared across prompts (a seed, a rater) the two are *crossed*. Pure numpy; every function that draws at
random takes a seed and gives the same answer for it.
"""

from harness.stats.bootstrap import cluster_bootstrap, two_way_bootstrap
from harness.stats.intervals import Interval, TEstimate, t_quantile
from harness.stats.means import cluster_mean_interval, mean_difference_interval
from harness.stats.multiple import holm
from harness.stats.paired import detectable_difference, detectable_effect, paired_jackknife
from harness.stats.sign_flip import Alternative, TestResult, sign_flip_test
from harness.stats.two_way import two_way_mean

__all__ = [
    "Alternative",
    "Interval",
    "TEstimate",
    "TestResult",
    "cluster_bootstrap",
    "cluster_mean_interval",
    "detectable_difference",
    "detectable_effect",
    "holm",
    "mean_difference_interval",
    "paired_jackknife",
    "sign_flip_test",
    "t_quantile",
    "two_way_bootstrap",
    "two_way_mean",
]
