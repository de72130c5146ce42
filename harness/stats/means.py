"""Intervals of means and of mean differences where several values belong to one cluster."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from harness.stats.clusters import Labels, Numbers, cluster_sums, paired_with
from harness.stats.intervals import Interval, t_quantile

_ROUNDING = 1e-6
_ONE_PROMPT = "one prompt only: no interval can be estimated"


def cluster_mean_interval(
    values: ArrayLike,
    clusters: ArrayLike,
    *,
    level: float = 0.95,
    bounds: tuple[float, float] | None = None,
) -> tuple[float, Interval]:
    """Mean of `values` (n,) and its confidence interval, robust to whatever values of a cluster share.

    `clusters` (n,) holds any label for each value. With r_c the sum of a cluster's residuals, the variance
    of the mean is C/(C-1) * sum r_c^2 / n^2, and t has C-1 degrees of freedom (C clusters); with one value
    a cluster this is Student's interval.

    `bounds` are the least and greatest possible values. With them the interval is Wilson's (1927), with t
    and with the number of independent yes-or-no answers that would have the same variance: it stays inside
    the bounds, covers where nearly all values are at one of them, where Student's does not (nearly every
    picture right, or every one), and is Student's to a thousandth of its length where values are far from
    both. With one cluster it is the bounds. Raises ValueError on empty or unequal inputs, and for values
    outside the bounds.
    """
    x, labels = paired_with(values, clusters)
    mean = float(x.mean())
    count = int(labels.max()) + 1
    if bounds is not None:
        _check_bounds(x, bounds)
    if count < 2:
        low, high = bounds or (np.nan, np.nan)
        return mean, Interval(low, high, _ONE_PROMPT)
    if bounds is None:
        half = t_quantile(level, count - 1) * _Part.of(x, labels).error
        return mean, Interval(mean - half, mean + half, f"{level:.0%} cluster-robust t over {count} prompts")
    low, scale = bounds[0], bounds[1] - bounds[0]
    start, stop = _Part.of((x - low) / scale, labels).wilson(level)
    method = f"{level:.0%} cluster-robust Wilson over {count} prompts"
    return mean, Interval(low + scale * start, low + scale * stop, method)


def mean_difference_interval(
    a: ArrayLike,
    b: ArrayLike,
    clusters: ArrayLike,
    *,
    level: float = 0.95,
    bounds: tuple[float, float] | None = None,
) -> tuple[float, Interval]:
    """Mean of the paired differences b - a, each (n,), and its interval, robust to clusters (n,).

    It is `cluster_mean_interval` of the differences, but where at least half of the values are at one of the
    `bounds` (right or wrong): there nearly all pairs may be alike, and Student's interval shrinks to nothing.
    Then gains and losses are two means of their own, each with its Wilson interval, put together with their
    correlation (Zou & Donner 2008; Newcombe 1998 for proportions). With one cluster it is all that the bounds
    allow. Raises ValueError on empty or unequal inputs, and for values outside the bounds.
    """
    one, labels = paired_with(a, clusters)
    other, _ = paired_with(b, clusters)
    d = other - one
    if bounds is None:
        return cluster_mean_interval(d, labels, level=level)
    both = np.concatenate([one, other])
    _check_bounds(both, bounds)
    span = bounds[1] - bounds[0]
    mean = float(d.mean())
    count = int(labels.max()) + 1
    if count < 2:
        return mean, Interval(-span, span, _ONE_PROMPT)
    if np.isin(both, bounds).mean() < 0.5:
        mean, interval = cluster_mean_interval(d, labels, level=level)
        return mean, Interval(max(interval.low, -span), min(interval.high, span), interval.method)
    gains, losses = _Part.of(np.maximum(d, 0) / span, labels), _Part.of(np.maximum(-d, 0) / span, labels)
    correlation = gains.correlation(losses)
    (gain_low, gain_high), (loss_low, loss_high) = gains.wilson(level), losses.wilson(level)
    down = _combined(gains.mean - gain_low, loss_high - losses.mean, correlation)
    up = _combined(gain_high - gains.mean, losses.mean - loss_low, correlation)
    method = f"{level:.0%} cluster-robust Wilson of gains and losses over {count} prompts"
    return mean, Interval(max(mean - span * down, -span), min(mean + span * up, span), method)


def _check_bounds(values: Numbers, bounds: tuple[float, float]) -> None:
    low, high = bounds
    room = _ROUNDING * (high - low)
    if values.min() < low - room or values.max() > high + room:
        raise ValueError(f"values {values.min():g} to {values.max():g} are not within {low:g}..{high:g}")


@dataclass(frozen=True)
class _Part:
    """A mean with its clusters' sums of residuals (C,) over n."""

    mean: float
    residuals: Numbers

    @classmethod
    def of(cls, values: Numbers, labels: Labels) -> _Part:
        mean = float(values.mean())
        return cls(mean, cluster_sums(values - mean, labels)[0] / values.size)

    @property
    def error(self) -> float:
        """The standard error."""
        count = self.residuals.size
        return float(np.sqrt(count / (count - 1) * float(self.residuals @ self.residuals)))

    def wilson(self, level: float) -> tuple[float, float]:
        """Wilson's interval of a mean in 0..1; see `cluster_mean_interval`."""
        count = self.residuals.size
        mean = min(max(self.mean, 0.0), 1.0)
        spread, variance = mean * (1 - mean), self.error**2
        if spread <= 1e-15:
            answers = float(count)  # all alike at a bound: each cluster counts once, whatever its size
        elif variance <= 1e-30:
            return mean, mean
        else:
            answers = spread / variance
        a = t_quantile(level, count - 1) ** 2 / answers
        half = np.sqrt(spread * a + a * a / 4)
        low, high = (mean + a / 2 - half) / (1 + a), (mean + a / 2 + half) / (1 + a)
        return max(0.0, float(low)), min(1.0, float(high))

    def correlation(self, other: _Part) -> float:
        """Correlation of the two means; 0 where one has no spread."""
        product = float(self.residuals @ other.residuals)
        lengths = float(np.linalg.norm(self.residuals) * np.linalg.norm(other.residuals))
        return product / lengths if lengths > 0 else 0.0


def _combined(one: float, other: float, correlation: float) -> float:
    """How far the difference of two means reaches when they reach so far each, in opposite directions."""
    return float(np.sqrt(max(0.0, one**2 + other**2 - 2 * correlation * one * other)))
