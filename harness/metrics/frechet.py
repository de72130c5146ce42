"""The Fréchet distance between two sets of features (Heusel et al. 2017), all in fp64.

With N(m, C) fitted to each set,
    d^2 = |m1 - m2|^2 + tr(C1) + tr(C2) - 2 tr((C1 C2)^(1/2)).
With any F such that C2 = F F', the last trace is the sum of the square roots of the eigenvalues of F' C1 F,
which is symmetric and positive semi-definite: a symmetric eigen-decomposition gives real values whatever the
rank, where a general matrix square root gives complex ones, NaN or an error, and takes many times as long.
F is Cholesky's factor, or an eigen-factor where the rank is short, or the m centred vectors themselves below
m = d.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dsygst

from harness.metrics.jackknife import Deal, leave_out_interval, no_interval
from harness.moments import Matrix, Moments
from harness.rows import Rows, as_rows, chunks, subset
from harness.stats import Interval

GIVEN = "given the reference"


def frechet_distance(mean1: Matrix, covariance1: Matrix, mean2: Matrix, covariance2: Matrix) -> float:
    """d^2 between N(mean1, covariance1) and N(mean2, covariance2); means (d,), covariances (d, d).

    At least 0. Rank-deficient covariances are fine. Raises ValueError for values that are not finite.
    """
    if not all(np.isfinite(part).all() for part in (mean1, covariance1, mean2, covariance2)):
        raise ValueError("means or covariances hold NaN or infinity")
    return distance_to(Reference(0, mean2, covariance2), mean1, covariance1)


def distance_to(reference: Reference, mean: Matrix, covariance: Matrix) -> float:
    """d^2 of N(mean, covariance) to a reference, whose factor is made once. At least 0."""
    root = reference.factor
    if root.shape[0] == root.shape[1] and not np.triu(root, 1).any():
        inner, _ = dsygst(covariance, root, itype=2, lower=1)  # root' covariance root, at half the work
    else:
        inner = root.T @ covariance @ root
    gap = mean - reference.mean
    traces = float(np.trace(covariance) + np.trace(reference.covariance))
    return max(0.0, float(gap @ gap) + traces - 2 * root_trace(inner))


def frechet_from_features(features1: NDArray[Any] | Rows, features2: NDArray[Any] | Rows) -> float:
    """d^2 between the Gaussians fitted to features (n1, d) and (n2, d). At least 2 rows each."""
    return Generated(features1, Reference.of(features2)).distance()


def factor(covariance: Matrix) -> Matrix:
    """F (d, r) with F F' = `covariance` (d, d), positive semi-definite of rank r at most d.

    Cholesky's factor where there is one, else an eigen-factor without the directions that are 0 but for
    rounding.
    """
    root = _cholesky(covariance)
    if root is not None:
        return root
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    kept = values > _floor(values)
    kept[-1] = True  # one column at least, of zeros for a covariance of 0
    return np.asarray(vectors[:, kept] * np.sqrt(np.maximum(values[kept], 0.0)), dtype=np.float64)


def root_trace(matrix: Matrix) -> float:
    """Trace of the square root of a positive semi-definite matrix (r, r), of which the lower half is read."""
    values = np.linalg.eigvalsh(matrix)
    return float(np.sqrt(values[values > _floor(values)]).sum())


def _cholesky(covariance: Matrix) -> Matrix | None:
    try:
        return np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
    except np.linalg.LinAlgError:
        return None


@dataclass(frozen=True, eq=False)
class Reference:
    """The fixed side of a distance: mean (d,) and covariance (d, d) of n reference vectors."""

    n: int
    mean: Matrix
    covariance: Matrix
    _vectors: Matrix | None = field(default=None, repr=False)

    @classmethod
    def of(cls, features: NDArray[Any] | Rows) -> Reference:
        """Fitted to features (n, d), n >= 2, read in pieces."""
        rows = as_rows(features)
        fitted = cls.from_moments(Moments.of(rows))
        if rows.shape[0] >= rows.shape[1]:
            return fitted
        centred = np.asarray(rows).astype(np.float64) - fitted.mean
        return cls(fitted.n, fitted.mean, fitted.covariance, centred.T / np.sqrt(fitted.n - 1))

    @classmethod
    def from_moments(cls, moments: Moments) -> Reference:
        """Fitted to sums over n >= 2 vectors. Raises ValueError below."""
        return cls(moments.n, moments.mean, moments.covariance)

    @cached_property
    def factor(self) -> Matrix:
        """F (d, r) with F F' = covariance."""
        return factor(self.covariance) if self._vectors is None else self._vectors


class Generated:
    """The features (n, d) of one set, prepared so that distances of its subsets to a reference are cheap.

    Vectors are taken from the reference's mean and mapped by its factor F (d, r). Below n = r the matrix
    (n, n) of their products is decomposed, of which a subset is a block; from n = r on the matrix (r, r) of
    their sums, from which a subset's part is taken away. Both hold the same eigenvalues other than 0. Rows
    are read in pieces, and memory does not grow with n once n > r.
    """

    def __init__(self, features: NDArray[Any] | Rows, reference: Reference) -> None:
        rows = as_rows(features)
        if rows.shape[1] != reference.mean.shape[0]:
            raise ValueError(f"features {rows.shape} do not fit a reference of {reference.mean.shape}")
        if rows.shape[0] < 2:
            raise ValueError(f"a Fréchet distance needs at least 2 pictures, got {rows.shape[0]}")
        self.n, self.d = rows.shape
        self._rows, self._reference = rows, reference
        rank = reference.factor.shape[1]
        self.dual = self.n < rank
        self.side = min(self.n, rank)
        if self.dual:
            mapped = np.concatenate([self._wide(part) @ reference.factor for part in chunks(rows)])
            self._products: Matrix = mapped @ mapped.T
        self._whole = self._sums(rows)

    def distance(self, without: NDArray[np.intp] | None = None) -> float:
        """d^2 to the reference, of all rows or of those not in `without` (indices). At least 0.

        Raises ValueError where fewer than 2 rows are left.
        """
        out = np.empty(0, dtype=np.intp) if without is None else without
        n = self.n - out.size
        if n < 2:
            raise ValueError(f"a Fréchet distance needs at least 2 pictures, got {n}")
        sums = self._whole if out.size == 0 else self._whole.minus(self._sums(subset(self._rows, out)))
        mean = sums.total / n
        trace = (sums.squares - n * float(mean @ mean)) / (n - 1)
        if sums.inner is None:
            stay = np.setdiff1d(np.arange(self.n), out)
            block = self._products[np.ix_(stay, stay)]
            inner = block - block.mean(0) - block.mean(1)[:, None] + block.mean()
        else:
            mapped = mean @ self._reference.factor
            inner = sums.inner - n * np.outer(mapped, mapped)
        traces = trace + float(np.trace(self._reference.covariance))
        return max(0.0, float(mean @ mean + traces - 2 * root_trace(inner / (n - 1))))

    def _wide(self, part: NDArray[np.float32]) -> Matrix:
        wide: Matrix = part - self._reference.mean
        if not np.isfinite(wide).all():
            raise ValueError("features hold NaN or infinity")
        return wide

    def _sums(self, rows: Rows) -> _Sums:
        rank = self._reference.factor.shape[1]
        total, squares = np.zeros(self.d), 0.0
        inner = None if self.dual else np.zeros((rank, rank))
        for part in chunks(rows):
            wide = self._wide(part)
            total += wide.sum(0)
            squares += float(np.einsum("nd,nd->", wide, wide))
            if inner is not None:
                mapped = wide @ self._reference.factor
                inner += mapped.T @ mapped
        return _Sums(total, squares, inner)


@dataclass(frozen=True)
class _Sums:
    """Over vectors taken from the reference's mean: their sum (d,), their squares' and, mapped, (r, r)."""

    total: Matrix
    squares: float
    inner: Matrix | None

    def minus(self, other: _Sums) -> _Sums:
        """The sums without a part."""
        left = self.inner - other.inner if self.inner is not None and other.inner is not None else None
        return _Sums(self.total - other.total, self.squares - other.squares, left)


def jackknife_interval(
    generated: Generated,
    clusters: Sequence[int] | NDArray[np.intp],
    *,
    level: float = 0.95,
    max_groups: int | None = None,
    seed: int = 0,
) -> tuple[float, Interval]:
    """d^2 and its interval by a delete-one-group jackknife over prompts, given the reference, cut at 0.

    `clusters` (n,) numbers each row's prompt. `max_groups` defaults to 50, and to 12 where a decomposition
    is large. It tells how far the value would move with other prompts and seeds *at this number of
    pictures*; the bias from the number of pictures is not in it. See `harness.metrics.jackknife` for why,
    and benchmarks/coverage.py for how often it covers, below and above n = d.
    """
    deal = Deal.of(clusters, max_groups or (50 if generated.side <= 600 else 12), seed)
    value = generated.distance()
    if deal.groups < 2 or generated.n < 4:
        return value, no_interval()
    left_out = [generated.distance(deal.members(group)) for group in range(deal.groups)]
    interval = leave_out_interval(
        value, left_out, deal.prompts, given=GIVEN, level=level, bounds=(0.0, np.inf)
    )
    return value, interval


def _floor(eigenvalues: NDArray[np.floating[Any]]) -> float:
    """Below it an eigenvalue is 0 but for rounding; the square roots of such would add up to an error."""
    largest = float(np.max(np.abs(eigenvalues), initial=0.0))
    return eigenvalues.size * float(np.finfo(np.float64).eps) * largest
