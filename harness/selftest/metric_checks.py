"""Metrics: closed forms and tables, from numbers alone."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from harness import stats
from harness.metrics import alignment, frechet
from harness.moments import Moments
from harness.selftest.report import Check
from harness.selftest.set_metric_checks import set_metric_checks

# n -> Fréchet distance of n and 30,000 draws of the same N(0, I) in 64 dimensions: all bias, drawn in this
# order from RandomState(0). The last one takes as long as the others together and is left out.
BIAS = {128: 9.2140, 512: 2.2426, 2048: 0.5985, 8192: 0.1733}


def metric_checks() -> list[Check]:
    """Checks of the distance, of the sums behind it, of scores and of intervals."""
    checks = [
        Check("metric", "Fréchet distance, closed form 17", 1e-8, _closed_form),
        Check("metric", "Fréchet distance below full rank, closed form", 1e-8, _rank_deficient),
        Check("metric", "sums over shards are the sums of the whole", 1e-12, _shards, "relative"),
    ]
    name = "Fréchet distance's bias, n = {} against 30,000"
    checks += [Check("metric", name.format(n), 1e-4, partial(_bias, n)) for n in BIAS]
    return [
        *checks,
        *set_metric_checks(),
        Check("metric", "cosine of 3-4-5 vectors", 1e-12, _cosine),
        Check("metric", "ConSE on two classes, closed form", 1e-6, _conse),
        Check("metric", "Student's interval of 1..5", 1e-9, _interval),
    ]


def _closed_form() -> tuple[ArrayLike, ArrayLike]:
    """|2 * 1|^2 + (1-2)^2 + (2-2)^2 + (3-1)^2."""
    first, second = np.diag([1.0, 4.0, 9.0]), np.diag([4.0, 4.0, 1.0])
    return 17.0, frechet.frechet_distance(np.zeros(3), first, np.full(3, 2.0), second)


def _rank_deficient() -> tuple[ArrayLike, ArrayLike]:
    """Points on two crossing lines: covariances of rank one, diag(2, 0, 0) and diag(0, 8, 0)."""
    line = np.array([[-1.0], [1.0]])
    one, other = line * [1.0, 0, 0], line * [0, 2.0, 0] + [0, 0, 3.0]
    return 9.0 + 2.0 + 8.0, frechet.frechet_from_features(one, other)


def _shards() -> tuple[ArrayLike, ArrayLike]:
    features = np.random.RandomState(1).standard_normal((1000, 24)).astype(np.float32)
    wide = features.astype(np.float64)
    parts = [Moments.of(part) for part in np.split(features, [3, 400, 401])]
    together = parts[3] + parts[1] + parts[0] + parts[2]
    return np.cov(wide, rowvar=False), together.covariance


def _bias(n: int) -> tuple[ArrayLike, ArrayLike]:
    state = np.random.RandomState(0)
    for size in BIAS:
        generated, reference = state.randn(size, 64), state.randn(30000, 64)
        if size == n:
            return BIAS[n], frechet.frechet_from_features(generated, reference)
    raise ValueError(f"the table has no {n}")


def _cosine() -> tuple[ArrayLike, ArrayLike]:
    a, b = np.array([[3.0, 4.0], [3.0, 4.0], [0.0, 0.0]]), np.array([[4.0, 3.0], [-3.0, -4.0], [1.0, 0.0]])
    return [0.96, -1.0, 0.0], alignment.cosines(a, b)


def _conse() -> tuple[ArrayLike, ArrayLike]:
    """Classes (1, 0) and (0, 1) around (1/2, 1/2): shares (3/4, 1/4) point along (1, -1)."""
    shares = np.array([[0.75, 0.25], [0.75, 0.25]], np.float32)
    captions = np.array([[1.0, 0.0], [0.5, 1.5]], np.float32)
    got = alignment.conse(shares, np.eye(2, dtype=np.float32), captions)
    return [1.0, -1 / np.sqrt(2)], got


def _interval() -> tuple[ArrayLike, ArrayLike]:
    """3 +- t(4) * sqrt(2.5 / 5)."""
    values = np.arange(1.0, 6.0)
    mean, interval = stats.cluster_mean_interval(values, np.arange(5))
    half = 2.7764451051977987 * np.sqrt(0.5)
    return [3.0, 3 - half, 3 + half], [mean, interval.low, interval.high]
