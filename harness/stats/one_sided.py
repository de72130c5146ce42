"""One-sided p values that agree with an interval, whatever made the interval."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.stats.intervals import Interval, TEstimate

LEAST_P = 1e-12
_STEPS = 60


def p_below(interval_at: Callable[[float], Interval], bound: float) -> float:
    """One-sided p of "the truth is at least `bound`", against "it is below".

    `interval_at(level)` gives the two-sided interval at a level in 0..1. p is (1 - level) / 2 for the level
    at which the interval's upper end is the bound, so p < 0.025 exactly where the 95% interval lies below it.
    Where even the shortest interval reaches above the bound, p is 1 - (1 - level) / 2 for the level at which
    its lower end is the bound. At least `LEAST_P`; NaN where there is no interval.
    """
    middle = interval_at(0.0)
    if np.isnan(middle.low) or np.isnan(middle.high):
        return float("nan")
    if middle.high < bound:
        return _tail(lambda tail: interval_at(1 - 2 * tail).high < bound)
    if middle.low > bound:
        return 1 - _tail(lambda tail: interval_at(1 - 2 * tail).low > bound)
    return 0.5


def p_above(interval_at: Callable[[float], Interval], bound: float) -> float:
    """One-sided p of "the truth is at most `bound`", against "it is above"; see `p_below`."""
    return 1 - p_below(interval_at, bound)


def t_interval_at(estimate: TEstimate) -> Callable[[float], Interval]:
    """The estimate's interval as a function of its level."""
    return estimate.interval


def _tail(beyond: Callable[[float], bool]) -> float:
    """The smallest tail probability in LEAST_P..0.5 for which `beyond` holds, found by halving its logarithm.

    `beyond(tail)` holds for tails at 0.5, where intervals are shortest, and stops to hold once below.
    """
    low, high = np.log(LEAST_P), np.log(0.5)
    if beyond(LEAST_P):
        return LEAST_P
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if beyond(float(np.exp(middle))):
            high = middle
        else:
            low = middle
        if high - low < 1e-7:
            break
    return float(np.exp(high))
