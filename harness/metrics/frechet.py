"""The Fréchet distance between two sets of features (Heusel et al. 2017), all in fp64.

With N(m, C) fitted to each set,
    d^2 = |m1 - m2|^2 + tr(C1) + tr(C2) - 2 tr((C1 C2)^(1/2)),
and the last trace is the sum of the square roots of the eigenvalues of C1^(1/2) C2 C1^(1/2). That matrix is
symmetric and positive semi-definite, so a symmetric eigen-decomposition gives real values whatever the rank,
where a general matrix square root gives complex ones, NaN or an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.moments import Matrix, Moments
from harness.stats import Interval, t_quantile


def frechet_distance(mean1: Matrix, covariance1: Matrix, mean2: Matrix, covariance2: Matrix) -> float:
    """d^2 between N(mean1, covariance1) and N(mean2, covariance2); means (d,), covariances (d, d).

    At least 0. Rank-deficient covariances are fine.
    """
    root = symmetric_sqrt(covariance1)
    difference = mean1 - mean2
    traces = float(np.trace(covariance1) + np.trace(covariance2))
    return max(0.0, float(difference @ difference) + traces - 2 * _sqrt_trace(root @ covariance2 @ root))


def frechet_from_features(features1: NDArray[Any], features2: NDArray[Any]) -> float:
    """d^2 between the Gaussians fitted to features (n1, d) and (n2, d). At least 2 rows each."""
    return Generated(features1, Reference.of(features2)).distance()


def symmetric_sqrt(matrix: Matrix) -> Matrix:
    """The positive semi-definite square root of a positive semi-definite matrix (d, d)."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    root: Matrix = (vectors * np.sqrt(_clipped(values))) @ vectors.T
    return root


@dataclass(frozen=True)
class Reference:
    """The fixed side of a distance: mean (d,) and covariance (d, d) of n reference vectors."""

    n: int
    mean: Matrix
    covariance: Matrix

    @classmethod
    def of(cls, features: NDArray[Any]) -> Reference:
        """Fitted to features (n, d), n >= 2."""
        moments = Moments.of(features)
        return cls(moments.n, moments.mean, moments.covariance)


class Generated:
    """The features (n, d) of one set, prepared so that distances of its subsets to a reference are cheap.

    With A the centred features over sqrt(n - 1), C1 = A'A, and the eigenvalues of C1^(1/2) C2 C1^(1/2) other
    than 0 are those of A C2 A', which is (n, n). Below n = d that smaller matrix is decomposed; a subset is
    a block of it, centred anew. From n = d on, the matrix R C1 R with R = C2^(1/2) is used, (d, d), and a
    subset's is the whole one minus a part. Both give the same number.
    """

    def __init__(self, features: NDArray[Any], reference: Reference) -> None:
        if features.ndim != 2 or features.shape[1] != reference.mean.shape[0]:
            raise ValueError(f"features {features.shape} do not fit a reference of {reference.mean.shape}")
        if features.shape[0] < 2:
            raise ValueError(f"a Fréchet distance needs at least 2 pictures, got {features.shape[0]}")
        if not np.isfinite(features).all():
            raise ValueError("features hold NaN or infinity")
        self.n, self.d = features.shape
        self._reference = reference
        self._shift = features.mean(0, dtype=np.float64)
        self._rows: Matrix = features - self._shift
        self._squares: Matrix = np.einsum("nd,nd->n", self._rows, self._rows)
        self.dual = self.n < self.d
        if self.dual:
            self._kernel: Matrix = self._rows @ reference.covariance @ self._rows.T
        else:
            self._mapped: Matrix = self._rows @ symmetric_sqrt(reference.covariance)
            self._inner: Matrix = self._mapped.T @ self._mapped

    def distance(self, without: NDArray[np.intp] | None = None) -> float:
        """d^2 to the reference, of all rows or of those not in `without` (indices). At least 0.

        Raises ValueError where fewer than 2 rows are left.
        """
        out = np.empty(0, dtype=np.intp) if without is None else without
        n = self.n - out.size
        if n < 2:
            raise ValueError(f"a Fréchet distance needs at least 2 pictures, got {n}")
        mean = -self._rows[out].sum(0) / n  # the rows sum to zero
        trace = (float(self._squares.sum() - self._squares[out].sum()) - n * float(mean @ mean)) / (n - 1)
        if self.dual:
            stay = np.setdiff1d(np.arange(self.n), out)
            inner = self._kernel[np.ix_(stay, stay)]
            inner = inner - inner.mean(0) - inner.mean(1)[:, None] + inner.mean()
        else:
            gone = self._mapped[out]
            mapped_mean = -gone.sum(0) / n
            inner = self._inner - gone.T @ gone - n * np.outer(mapped_mean, mapped_mean)
        difference = self._shift + mean - self._reference.mean
        traces = trace + float(np.trace(self._reference.covariance))
        gap = float(difference @ difference)
        return max(0.0, float(gap + traces - 2 * _sqrt_trace(inner / (n - 1))))


def jackknife_interval(
    generated: Generated,
    clusters: Sequence[int] | NDArray[np.intp],
    *,
    level: float = 0.95,
    max_groups: int | None = None,
    seed: int = 0,
) -> tuple[float, Interval]:
    """d^2 and its interval by a delete-one-group jackknife over prompts, given the reference.

    `clusters` (n,) numbers each row's prompt. Prompts are dealt at random (`seed`) into G groups of nearly
    equal size, d^2 is taken without each group in turn, and value +- t(G-1) * sqrt((G-1)/G * sum of squared
    deviations) is the interval, cut at 0. A jackknife is used because a bootstrap repeats pictures, which
    lowers the rank of the covariance and shifts every replicate upwards. `max_groups` defaults to 50, and to
    20 where a decomposition is large. It tells how far the value would move with other prompts and seeds
    *at this number of pictures*; the bias from the number of pictures is not in it. In simulations it
    covers as it should where n > d, and is up to twice as wide as needed where n < d.
    """
    labels = np.asarray(clusters)
    prompts = np.unique(labels)
    limit = max_groups or (50 if min(generated.n, generated.d) <= 600 else 20)
    groups = min(limit, prompts.size)
    value = generated.distance()
    if groups < 2 or generated.n < 4:
        return value, Interval(np.nan, np.nan, "too few prompts: no interval can be estimated")
    dealt = np.random.default_rng(seed).permutation(prompts)
    left_out = [generated.distance(np.flatnonzero(np.isin(labels, dealt[g::groups]))) for g in range(groups)]
    deviations = np.asarray(left_out) - np.mean(left_out)
    error = float(np.sqrt((groups - 1) / groups * (deviations @ deviations)))
    half = t_quantile(level, groups - 1) * error
    method = f"{level:.0%} jackknife over {groups} groups of {prompts.size} prompts, given the reference"
    return value, Interval(max(0.0, value - half), value + half, method)


def _sqrt_trace(matrix: Matrix) -> float:
    """Trace of the square root of a positive semi-definite matrix (d, d)."""
    return float(np.sqrt(_clipped(np.linalg.eigvalsh((matrix + matrix.T) / 2))).sum())


def _clipped(eigenvalues: NDArray[np.floating[Any]]) -> Matrix:
    """Eigenvalues that are 0 but for rounding set to 0, as their square roots would add up to an error."""
    floor = 4 * np.finfo(np.float64).eps * float(np.max(np.abs(eigenvalues), initial=0.0))
    return np.where(eigenvalues > floor, eigenvalues, 0.0).astype(np.float64)
