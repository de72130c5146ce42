"""Sums over feature vectors that Gaussians are fitted from; they merge exactly over parts of a set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.rows import Rows, as_rows, chunks

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """The sums that a Gaussian is fitted from: they add up over shards, in any order, in fp64.

    `total` (d,) is the sum of the vectors and `outer` (d, d) the sum of their outer products.
    """

    n: int
    total: Matrix
    outer: Matrix

    @classmethod
    def of(cls, features: NDArray[Any] | Rows) -> Moments:
        """Sums over features (n, d). Raises ValueError for another shape or values that are not finite."""
        rows = as_rows(features)
        n, d = rows.shape
        total, outer = np.zeros(d), np.zeros((d, d))
        for part in chunks(rows):
            if not np.isfinite(part).all():
                raise ValueError("features hold NaN or infinity")
            wide = part.astype(np.float64)
            total += wide.sum(0)
            outer += wide.T @ wide
        return cls(n, total, outer)

    def __add__(self, other: Moments) -> Moments:
        """The sums over both sets together."""
        return Moments(self.n + other.n, self.total + other.total, self.outer + other.outer)

    def __sub__(self, other: Moments) -> Moments:
        """The sums without a part of the set."""
        return Moments(self.n - other.n, self.total - other.total, self.outer - other.outer)

    @property
    def mean(self) -> Matrix:
        """(d,)."""
        return self.total / self.n

    @property
    def covariance(self) -> Matrix:
        """(d, d), divided by n - 1. Raises ValueError below two vectors."""
        if self.n < 2:
            raise ValueError(f"a covariance needs at least 2 pictures, got {self.n}")
        mean = self.mean
        return (self.outer - self.n * np.outer(mean, mean)) / (self.n - 1)
