"""The delete-a-group jackknife over prompts: intervals of numbers that belong to a whole set.

A bootstrap draws pictures twice. That lowers the rank of a covariance, puts pairs of equal pictures into a
kernel's mean and nearest neighbours at distance 0, so that every replicate is shifted. Leaving groups of
whole prompts out repeats nothing, and large groups count second-order terms less often than deleting single
prompts or an influence function does: those gave intervals up to 1.8 times too wide where a covariance is
estimated from few pictures. benchmarks/coverage.py shows how often these cover.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.moments import Matrix
from harness.stats import Interval, t_quantile

Labels = NDArray[np.intp]


@dataclass(frozen=True)
class Deal:
    """Prompts dealt at random into `groups` of nearly equal size: `of_row` (n,) is each row's group."""

    of_row: Labels
    groups: int
    prompts: int

    @classmethod
    def of(cls, clusters: Sequence[int] | Labels, most: int, seed: int = 0) -> Deal:
        """Deals the prompts that `clusters` (n,) numbers into `most` groups, or one each if fewer."""
        prompts, place = np.unique(np.asarray(clusters), return_inverse=True)
        groups = min(most, prompts.size)
        dealt = np.empty(prompts.size, dtype=np.intp)
        dealt[np.random.default_rng(seed).permutation(prompts.size)] = np.arange(prompts.size) % max(
            groups, 1
        )
        return cls(dealt[place.reshape(-1)], groups, prompts.size)

    def members(self, group: int) -> Labels:
        """The places of a group's rows."""
        return np.flatnonzero(self.of_row == group)


def no_interval() -> Interval:
    """What is said where there are too few prompts to tell anything."""
    return Interval(np.nan, np.nan, "too few prompts: no interval can be estimated")


def leave_out_interval(
    value: float,
    left_out: Sequence[float] | Matrix,
    prompts: int,
    *,
    given: str = "",
    level: float = 0.95,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> Interval:
    """value +- t(G-1) * sqrt((G-1)/G * sum of squared deviations), from the values without each of G groups.

    `given` ends the method's name, such as "given the reference"; ends are cut at `bounds`.
    """
    values = np.asarray(left_out, dtype=np.float64)
    groups = values.size
    if groups < 2:
        return no_interval()
    deviations = values - values.mean()
    error = float(np.sqrt((groups - 1) / groups * (deviations @ deviations)))
    half = t_quantile(level, groups - 1) * error
    method = f"{level:.0%} jackknife over {groups} groups of {prompts} prompts" + (given and f", {given}")
    return Interval(max(bounds[0], value - half), min(bounds[1], value + half), method)
