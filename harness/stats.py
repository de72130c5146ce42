"""Uncertainty of means and differences where several values belong to one prompt.

Values that share a prompt are not independent, so the prompt is the unit here: a *cluster*. Pure numpy, and
every function that draws at random takes a seed and gives the same answer for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

Alternative = Literal["two-sided", "greater", "less"]
_CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval and how it was made. The ends are NaN where nothing can be said."""

    low: float
    high: float
    method: str


@dataclass(frozen=True, slots=True)
class TestResult:
    """Outcome of a test: `statistic` is the mean difference, `n` the number of independent units."""

    __test__ = False  # pytest: this is not a test class

    statistic: float
    p: float
    n: int
    method: str


def t_quantile(level: float, degrees_of_freedom: float) -> float:
    """The t with probability `level` (0..1) between -t and t."""
    return float(stdtrit(degrees_of_freedom, 0.5 + level / 2))


def cluster_mean_interval(
    values: ArrayLike,
    clusters: ArrayLike,
    *,
    level: float = 0.95,
    bounds: tuple[float, float] | None = None,
) -> tuple[float, Interval]:
    """Mean of `values` (n,) and its confidence interval with the cluster-robust t method.

    `clusters` (n,) holds any label for each value. With r_c the sum of a cluster's residuals, the variance
    of the mean is C/(C-1) * sum r_c^2 / n^2, and t has C-1 degrees of freedom (C clusters); with one value
    a cluster this is Student's interval. `bounds` are the least and greatest possible values: ends are cut
    there, and they are the interval where one cluster leaves nothing to estimate from. Raises ValueError
    on empty or unequal inputs.
    """
    x, labels = _paired(values, clusters)
    mean = float(x.mean())
    totals, _ = _cluster_sums(x - mean, labels)
    count = totals.size
    if count < 2:
        low, high = bounds or (np.nan, np.nan)
        return mean, Interval(low, high, "one prompt only: no interval can be estimated")
    error = np.sqrt(count / (count - 1) * float(totals @ totals)) / x.size
    half = t_quantile(level, count - 1) * float(error)
    low, high = mean - half, mean + half
    if bounds:
        low, high = max(low, bounds[0]), min(high, bounds[1])
    return mean, Interval(low, high, f"{level:.0%} cluster-robust t over {count} prompts")


def cluster_bootstrap(
    values: ArrayLike,
    clusters: ArrayLike,
    statistic: Callable[[NDArray[np.float64]], float] | None = None,
    *,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, Interval]:
    """A statistic of `values` (n, ...) and its percentile bootstrap interval, drawing whole clusters.

    `statistic` maps the stacked rows of the drawn clusters to a number; None is the mean of (n,) values,
    which is done without a Python loop. Percentile intervals are too short below about 20 clusters:
    prefer `cluster_mean_interval` there. Raises ValueError on empty or unequal inputs.
    """
    x, labels = _paired(values, clusters)
    rng = np.random.default_rng(seed)
    members = _members(labels)
    count = len(members)
    draws = rng.integers(0, count, size=(resamples, count))
    if statistic is None:
        totals, sizes = _cluster_sums(x, labels)
        estimate = float(x.mean())
        replicates = totals[draws].sum(axis=1) / sizes[draws].sum(axis=1)
    else:
        estimate = float(statistic(x))
        replicates = np.array(
            [statistic(x[np.concatenate([members[c] for c in draw])]) for draw in draws], dtype=np.float64
        )
    low, high = np.quantile(replicates, [(1 - level) / 2, (1 + level) / 2])
    method = f"{level:.0%} percentile bootstrap over {count} prompts, {resamples} resamples, seed {seed}"
    return estimate, Interval(float(low), float(high), method)


def sign_flip_test(
    differences: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    alternative: Alternative = "two-sided",
    resamples: int = 10_000,
    seed: int = 0,
) -> TestResult:
    """Paired permutation test that the mean of `differences` (n,) is zero, by flipping signs.

    Under the null hypothesis the two sides of a pair could be exchanged, so every sign is as likely as its
    opposite; with `clusters` all differences of one cluster flip together. All 2^C flips are counted where
    they are no more than `resamples`, otherwise `resamples` are drawn and p = (1 + hits) / (1 + resamples),
    which is never 0. Raises ValueError on empty or unequal inputs.
    """
    values = np.asarray(differences, dtype=np.float64)
    labels = np.arange(values.size) if clusters is None else clusters
    x, labels = _paired(values, labels)
    totals, _ = _cluster_sums(x, labels)
    count = totals.size
    observed = float(totals.sum())
    slack = 1e-12 * float(np.abs(totals).sum())
    exact = 2**count <= resamples if count < 63 else False
    number = 2**count if exact else resamples
    rng = np.random.default_rng(seed)
    hits = 0
    for start in range(0, number, _CHUNK):
        rows = min(_CHUNK, number - start)
        if exact:
            codes = np.arange(start, start + rows)
            flips = (codes[:, None] >> np.arange(count)) & 1
        else:
            flips = rng.integers(0, 2, size=(rows, count))
        sums = (1 - 2 * flips) @ totals
        if alternative == "two-sided":
            hits += int(np.count_nonzero(np.abs(sums) >= abs(observed) - slack))
        elif alternative == "greater":
            hits += int(np.count_nonzero(sums >= observed - slack))
        else:
            hits += int(np.count_nonzero(sums <= observed + slack))
    if exact:
        return TestResult(float(x.mean()), hits / number, count, f"exact sign flips over {count} pairs")
    method = f"{resamples} random sign flips over {count} pairs, seed {seed}"
    return TestResult(float(x.mean()), (1 + hits) / (1 + number), count, method)


def _paired(values: ArrayLike, clusters: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Values as fp64 and clusters numbered 0..C-1 in order of first appearance."""
    x = np.asarray(values, dtype=np.float64)
    raw = np.asarray(clusters)
    if x.shape[:1] != raw.shape or x.shape[0] == 0:
        raise ValueError(f"need as many clusters as values and at least one, got {x.shape} and {raw.shape}")
    _, first, inverse = np.unique(raw, return_index=True, return_inverse=True)
    rank = np.empty(first.size, dtype=np.intp)
    rank[np.argsort(first)] = np.arange(first.size)
    return x, rank[inverse.reshape(-1)]


def _members(labels: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.cumsum(np.bincount(labels))[:-1])


def _cluster_sums(
    values: NDArray[np.float64], labels: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    sums = np.bincount(labels, weights=values).astype(np.float64)
    return sums, np.bincount(labels)
