"""Paired differences of numbers that belong to whole sets, and what a comparison could have seen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.stats.clusters import paired_with
from harness.stats.intervals import Interval, TEstimate, t_quantile

ValueOf = Callable[[NDArray[np.intp]], float]
_GROUPS = 40


def paired_jackknife(
    value_a: ValueOf,
    value_b: ValueOf,
    clusters: ArrayLike,
    *,
    max_groups: int = _GROUPS,
    seed: int = 0,
) -> TEstimate:
    """b minus a of a whole-set number, with its error by a delete-a-group jackknife.

    `clusters` (n,) labels the prompt of each pair of pictures; `value_a(places)` and `value_b(places)` are
    the number over the pictures of each side at those places (in rising order). Prompts are dealt at random
    (`seed`) into G groups of nearly equal size, at most `max_groups`, and each is left out of *both* sides at
    once, so that what prompts, seeds and the number of pictures do to both cancels. With d_g the difference
    without group g, the variance is (G-1)/G * sum (d_g - mean)^2, with G - 1 degrees of freedom. No error can
    be given below 2 prompts or 4 pairs. Raises ValueError on no pairs.
    """
    _, labels = paired_with(np.zeros(np.shape(clusters)), clusters)
    places = np.arange(labels.size)
    difference = value_b(places) - value_a(places)
    prompts = int(labels.max()) + 1
    groups = min(max_groups, prompts)
    if groups < 2 or labels.size < 4:
        return TEstimate(difference, np.nan, np.nan, "too few prompts: no interval can be estimated")
    group = np.empty(prompts, dtype=np.intp)
    group[np.random.default_rng(seed).permutation(prompts)] = np.arange(prompts) % groups
    without = np.empty(groups)
    for g in range(groups):
        stay = places[group[labels] != g]
        without[g] = value_b(stay) - value_a(stay)
    deviations = without - without.mean()
    error = float(np.sqrt((groups - 1) / groups * (deviations @ deviations)))
    method = f"paired jackknife over {groups} groups of {prompts} prompts"
    return TEstimate(difference, error, groups - 1, method)


def detectable_difference(
    interval: Interval, degrees: float, *, level: float = 0.95, power: float = 0.8
) -> float:
    """The true difference that a comparison with such an interval finds with probability `power`.

    `interval` is at `level` with `degrees` of freedom; see `detectable_effect`. NaN without an interval.
    """
    error = (interval.high - interval.low) / 2 / t_quantile(level, degrees)
    return detectable_effect(error, degrees, level=level, power=power)


def detectable_effect(error: float, degrees: float, *, level: float = 0.95, power: float = 0.8) -> float:
    """The true effect that an estimate with such a standard error finds with probability `power`.

    (t(level, two-sided) + t(power, one-sided)) standard errors. That a smaller one is not found is no sign
    that there is none. NaN without an error.
    """
    return float(error * (t_quantile(level, degrees) + t_quantile(2 * power - 1, degrees)))
