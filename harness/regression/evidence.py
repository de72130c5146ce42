"""What the pairs of two runs say about each metric, over all prompts and categories: numbers, no verdict.

Everything is about the *gain*, the difference B minus A turned so that more is better.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.difference import Place
from harness.regression.noise_band import NoiseBand
from harness.run_view import RunView
from harness.score import seven_digits
from harness.stats import Interval, TEstimate, mean_difference_interval, t_quantile, two_way_mean
from harness.stats.one_sided import p_above, p_below, t_interval_at
from harness.types import Direction

LEVEL = 0.95
ALPHA = (1 - LEVEL) / 2
"""One-sided: a row's chance of a false alarm where nothing is lost beyond the margin."""
IntervalAt = Callable[[float], Interval]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One metric over all pairs, or over those of a `category`.

    `a` and `b` are the values of baseline and candidate, `gain` is b - a or, where lower is better, a - b,
    with its 95% interval `low`..`high` and its standard `error` of `degrees` degrees of freedom. `margin` is
    in the metric's unit. `p_worse` is the one-sided p of "the gain is at least -margin", `p_better` that of
    "the gain is at most 0". `identical`: both sides' pictures are the same to the byte, so that the gain is 0
    without any doubt. `one_sided` counts pairs of which one picture alone has a value. What cannot be said is
    NaN.
    """

    metric: str
    category: str | None
    direction: Direction
    a: float
    b: float
    gain: float
    low: float
    high: float
    error: float
    degrees: float
    margin: float
    p_worse: float
    p_better: float
    pairs: int
    prompts: int
    one_sided: int
    method: str
    identical: bool = False
    noise: NoiseBand | None = None


@dataclass(frozen=True)
class PairedValues:
    """The values of pairs of pictures, a and b (n,), with the place of each pair."""

    category: str | None
    a: NDArray[np.float64]
    b: NDArray[np.float64]
    places: tuple[Place, ...]
    one_sided: int


def paired_values(
    values_a: Mapping[Place, float],
    values_b: Mapping[Place, float],
    places: Sequence[Place],
    category_of: Mapping[str, str],
) -> Iterator[PairedValues]:
    """The pairs that have values on both sides: all of them, then those of each category in order."""
    groups: list[str | None] = [None]
    if any(category_of.values()):
        groups += dict.fromkeys(category_of.values())
    for group in groups:
        chosen = [p for p in places if group is None or category_of[p[0]] == group]
        both = tuple(p for p in chosen if p in values_a and p in values_b)
        if both:
            yield PairedValues(
                group,
                np.array([values_a[p] for p in both]),
                np.array([values_b[p] for p in both]),
                both,
                sum((p in values_a) != (p in values_b) for p in chosen),
            )


def values_of(run: RunView, metric: str) -> dict[Place, float]:
    """The run's values of a metric by place."""
    return {place: values[metric] for place, values in run.per_sample.items() if metric in values}


def mean_evidence(
    metric: str,
    direction: Direction,
    pairs: PairedValues,
    margin: float,
    bounds: tuple[float, float] | None,
    *,
    shared_seeds: bool = False,
    identical: bool = False,
    noise: NoiseBand | None = None,
) -> Evidence:
    """Evidence from means of pictures' values, clustered by prompt.

    `shared_seeds`: sample i of every prompt was drawn from the same noise, so prompt and index are crossed.
    """
    sign = 1.0 if direction == "higher" else -1.0
    prompts = [prompt_id for prompt_id, _ in pairs.places]
    one, other = (pairs.a, pairs.b) if sign > 0 else (pairs.b, pairs.a)
    degrees: float
    if shared_seeds:
        estimate = two_way_mean(other - one, prompts, [index for _, index in pairs.places])
        interval_at, degrees = t_interval_at(estimate), estimate.degrees
    else:
        degrees = len(set(prompts)) - 1.0

        def interval_at(level: float) -> Interval:
            return mean_difference_interval(one, other, prompts, level=level, bounds=bounds)[1]

        if degrees < 1:
            interval_at = _nothing_known
    return _evidence(
        metric,
        direction,
        pairs,
        (float(pairs.a.mean()), float(pairs.b.mean())),
        margin,
        interval_at,
        degrees,
        identical,
        noise,
    )


def set_evidence(
    metric: str,
    direction: Direction,
    values: tuple[float, float],
    estimate: TEstimate,
    places: Sequence[Place],
    margin: float,
    *,
    identical: bool = False,
    noise: NoiseBand | None = None,
) -> Evidence:
    """Evidence from a whole-set metric's values of both sides and the estimate of b - a."""
    if direction == "lower":
        estimate = TEstimate(-estimate.value, estimate.error, estimate.degrees, estimate.method)
    pairs = PairedValues(None, np.empty(0), np.empty(0), tuple(places), 0)
    return _evidence(
        metric,
        direction,
        pairs,
        values,
        margin,
        estimate.interval,
        estimate.degrees,
        identical,
        noise,
    )


def _evidence(
    metric: str,
    direction: Direction,
    pairs: PairedValues,
    values: tuple[float, float],
    margin: float,
    interval_at: IntervalAt,
    degrees: float,
    identical: bool,
    noise: NoiseBand | None,
) -> Evidence:
    sign = 1.0 if direction == "higher" else -1.0
    gain = sign * (values[1] - values[0])
    interval = interval_at(LEVEL)
    error = math.nan
    if degrees >= 1 and math.isfinite(interval.low):
        error = (interval.high - interval.low) / 2 / t_quantile(LEVEL, degrees)
    p_worse, p_better = p_below(interval_at, -margin), p_above(interval_at, 0.0)
    if identical:
        interval = Interval(0.0, 0.0, "both sides have the same pictures, byte for byte")
        gain, error, p_worse, p_better = 0.0, 0.0, 1.0, 1.0
    return Evidence(
        metric=metric,
        category=pairs.category,
        direction=direction,
        a=seven_digits(values[0]),
        b=seven_digits(values[1]),
        gain=seven_digits(gain),
        low=seven_digits(interval.low),
        high=seven_digits(interval.high),
        error=seven_digits(error),
        degrees=degrees,
        margin=seven_digits(margin),
        p_worse=seven_digits(p_worse),
        p_better=seven_digits(p_better),
        pairs=len(pairs.places),
        prompts=len({prompt_id for prompt_id, _ in pairs.places}),
        one_sided=pairs.one_sided,
        method=interval.method,
        identical=identical,
        noise=noise,
    )


def _nothing_known(level: float) -> Interval:
    return Interval(math.nan, math.nan, "one prompt only: no interval can be estimated")
