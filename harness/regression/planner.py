"""What a comparison with a run as its baseline could find, before there is any candidate.

The error of a difference depends on how alike the two sides' pictures are, which one run does not tell. In
order of preference it is taken from pairs of the run with its own repeats, from the spread between samples of
one prompt, or from the assumption that nothing is shared, which promises too little rather than too much.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.regression.evidence import LEVEL
from harness.regression.power import LEAST_DEGREES, detectable
from harness.score import seven_digits
from harness.stats import cluster_mean_interval, t_quantile
from harness.stats.clusters import paired_with
from harness.types import Direction

_ROUNDS = 50


@dataclass(frozen=True, slots=True)
class Noise:
    """What one row of the baseline says of its own noise: its `value`, the number of pictures and prompts,
    the standard `error` of a difference to a run of the same quality, how many `degrees` of freedom it has,
    and `source`, how it was found. `bounds` are the metric's; `proportion`: values are 0 or 1 (or nearly)."""

    metric: str
    category: str | None
    direction: Direction
    value: float
    pictures: int
    prompts: int
    error: float
    degrees: float
    source: str
    margin: float
    bounds: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class PlanRow:
    """What can be found in one row: true losses that are called a regression 80 and 95 times in 100.

    `prompts_to_pass` is how many prompts it takes to show, 8 times in 10, that an equal candidate lost no
    more than the margin; None where that cannot be told.
    """

    noise: Noise
    detectable_80: float
    detectable_95: float
    prompts_to_pass: int | None


def plan_rows(rows: Sequence[Noise]) -> tuple[PlanRow, ...]:
    """A plan for each row, all rows being tested together."""
    return tuple(
        PlanRow(
            row,
            seven_digits(_loss(row, len(rows), 0.8)),
            seven_digits(_loss(row, len(rows), 0.95)),
            _prompts_to_pass(row),
        )
        for row in rows
    )


def unpaired_error(
    values: NDArray[np.float64], prompts: Sequence[str], bounds: tuple[float, float] | None
) -> tuple[float, str]:
    """The standard error of a difference of means of two such sets of values (n,), and how it was found.

    With several samples a prompt it is the error within prompts, else twice the variance of the mean.
    """
    _, labels = paired_with(values, prompts)
    sizes = np.bincount(labels)
    count = sizes.size
    if count < 2:
        return math.nan, "too few prompts"
    if sizes.min() >= 2:
        means = np.bincount(labels, weights=values) / sizes
        within = np.bincount(labels, weights=(values - means[labels]) ** 2) / (sizes - 1)
        error = math.sqrt(2 * float((sizes * within).sum())) / values.size
        return error, "spread between samples of a prompt"
    _, interval = cluster_mean_interval(values, prompts, level=LEVEL, bounds=bounds)
    one = (interval.high - interval.low) / 2 / t_quantile(LEVEL, count - 1)
    return math.sqrt(2) * one, "nothing shared by the pairs (upper bound)"


def _loss(row: Noise, tests: int, power: float) -> float:
    """The loss at which `detectable` agrees with the error that a candidate with that loss would have.

    A share in the middle of its bounds spreads more than one near an end, and a distance's error grows with
    the distance.
    """
    loss = detectable(row.error, row.degrees, row.margin, tests, power)
    for _ in range(_ROUNDS):
        if not math.isfinite(loss):
            return loss
        again = detectable(_error_at(row, loss), row.degrees, row.margin, tests, power)
        if abs(again - loss) <= 1e-9 * max(abs(loss), 1e-12):
            break
        loss = (loss + again) / 2
    return loss


def _error_at(row: Noise, loss: float) -> float:
    value = row.value - loss if row.direction == "higher" else row.value + loss
    half = row.error**2 / 2
    if row.bounds is not None:
        low, high = row.bounds
        value = min(max(value, low), high)
        before, after = ((high - v) * (v - low) for v in (row.value, value))
        # a variance of means, of so many pictures, can be no greater than that of answers at the bounds
        most = after / max(row.prompts, 1)
        grown = half * max(1.0, after / before) if before > 0 else most
        return math.sqrt(half + min(grown, max(most, half)))
    if row.direction == "lower" and row.value > 0:
        return math.sqrt(half + half * (value / row.value) ** 2)
    return row.error


def _prompts_to_pass(row: Noise) -> int | None:
    """(t + t) * error <= margin, as the error falls with the root of the number of prompts."""
    if not (math.isfinite(row.error) and row.degrees >= LEAST_DEGREES and row.margin > 0):
        return None
    needed = t_quantile(LEVEL, row.degrees) + t_quantile(0.6, row.degrees)
    return math.ceil(row.prompts * (needed * row.error / row.margin) ** 2)
