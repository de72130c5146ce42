"""A paired permutation test by flipping signs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from harness.stats.clusters import cluster_sums, paired_with

Alternative = Literal["two-sided", "greater", "less"]
_CHUNK = 1000


@dataclass(frozen=True, slots=True)
class TestResult:
    """Outcome of a test: `statistic` is the mean difference, `n` the number of independent units."""

    __test__ = False  # pytest: this is not a test class

    statistic: float
    p: float
    n: int
    method: str


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
    x, labels = paired_with(values, labels)
    totals, _ = cluster_sums(x, labels)
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
