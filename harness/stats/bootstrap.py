"""Bootstrap intervals over clusters, and over two crossed factors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from harness.stats.clusters import Numbers, cluster_sums, members, paired_with
from harness.stats.intervals import Interval

_CHUNK = 500


def cluster_bootstrap(
    values: ArrayLike,
    clusters: ArrayLike,
    statistic: Callable[[Numbers], float] | None = None,
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
    x, labels = paired_with(values, clusters)
    rng = np.random.default_rng(seed)
    places = members(labels)
    count = len(places)
    draws = rng.integers(0, count, size=(resamples, count))
    if statistic is None:
        totals, sizes = cluster_sums(x, labels)
        estimate = float(x.mean())
        replicates = totals[draws].sum(axis=1) / sizes[draws].sum(axis=1)
    else:
        estimate = float(statistic(x))
        replicates = np.array(
            [statistic(x[np.concatenate([places[c] for c in draw])]) for draw in draws], dtype=np.float64
        )
    method = f"{level:.0%} percentile bootstrap over {count} prompts, {resamples} resamples, seed {seed}"
    return estimate, _percentiles(replicates, level, method)


def two_way_bootstrap(
    values: ArrayLike,
    rows: ArrayLike,
    columns: ArrayLike,
    statistic: Callable[[Numbers], float] | None = None,
    *,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, Interval]:
    """A statistic of values of two crossed factors (prompt and rater), by product weights.

    Owen & Eckles 2012, "Bootstrapping data arrays of arbitrary order": every level of each factor draws a
    weight of mean 1 and variance 1 (here exponential), and a value's weight is the product of its two. The
    interval is that of percentiles. `rows` and `columns` (n,) are labels of the two factors, and pairs may be
    missing. `statistic` maps weights (n,) to a number; None is the weighted mean of values (n,), which is
    done without a Python loop.

    It allows for both factors. Noise that belongs to a single value counts three times, so that the interval
    is too long, up to 1.7 times, where such noise outweighs both factors; below about 10 levels of a factor
    that matters it is too short. `two_way_mean` is right there, but is of means alone. Raises ValueError on
    empty or unequal inputs.
    """
    x, row = paired_with(values, rows)
    _, column = paired_with(values, columns)
    height, width = int(row.max()) + 1, int(column.max()) + 1
    rng = np.random.default_rng(seed)
    ones = np.ones(x.shape[0])
    estimate = float(x.mean()) if statistic is None else float(statistic(ones))
    if height < 2 or width < 2:
        return estimate, Interval(np.nan, np.nan, "one level of a factor only: no interval can be estimated")
    cells = row * width + column
    sums: Numbers = np.empty((0, 0))
    counts: Numbers = sums
    if statistic is None:
        sums = np.bincount(cells, x, height * width).reshape(height, width).astype(np.float64)
        counts = np.bincount(cells, ones, height * width).reshape(height, width).astype(np.float64)
    parts: list[Numbers] = []
    for start in range(0, resamples, _CHUNK):
        number = min(_CHUNK, resamples - start)
        u, v = rng.exponential(size=(number, height)), rng.exponential(size=(number, width))
        if statistic is None:
            parts.append(((u @ sums) * v).sum(1) / ((u @ counts) * v).sum(1))
        else:
            parts.append(np.array([statistic(a[row] * b[column]) for a, b in zip(u, v, strict=True)]))
    method = (
        f"{level:.0%} percentile bootstrap by product weights over {height} x {width} levels, "
        f"{resamples} resamples, seed {seed}"
    )
    return estimate, _percentiles(np.concatenate(parts), level, method)


def _percentiles(replicates: Numbers, level: float, method: str) -> Interval:
    low, high = np.quantile(replicates, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), method)
