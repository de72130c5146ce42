"""Nearest neighbours and distances of features, in pieces: time grows with the square of n, memory with n."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from harness.moments import Matrix
from harness.rows import CHUNK, Rows

Indices = NDArray[np.intp]


def squared_distances(x: Matrix, y: Matrix) -> Matrix:
    """|x_i - y_j|^2 for x (n, d) and y (m, d), (n, m). What is 0 but for rounding is 0."""
    one, other = (x * x).sum(1)[:, None], (y * y).sum(1)
    squares = np.asarray(one + other - 2 * (x @ y.T), dtype=np.float64)
    noise = 8 * np.finfo(np.float64).eps * x.shape[1]
    squares[squares <= noise * (one + other)] = 0.0
    return squares


def nearest(rows: Rows, count: int) -> tuple[Indices, Matrix]:
    """The `count` nearest other rows of each row, nearest first, and their squared distances, (n, count).

    Raises ValueError where there are not as many.
    """
    n = len(rows)
    if not 1 <= count < n:
        raise ValueError(f"{count} nearest neighbours need at least {count + 1} pictures, got {n}")
    places, squares = np.empty((n, count), dtype=np.intp), np.empty((n, count))
    for here, part in wide_parts(rows):
        best = np.full((len(part), count), np.inf)
        found = np.zeros((len(part), count), dtype=np.intp)
        for there, other in wide_parts(rows):
            block = squared_distances(part, other)
            block[here[:, None] == there] = np.inf
            block = np.concatenate([best, block], axis=1)
            known = np.concatenate([found, np.broadcast_to(there, (len(part), len(there)))], axis=1)
            chosen = np.argpartition(block, count - 1, axis=1)[:, :count]
            best = np.take_along_axis(block, chosen, axis=1)
            found = np.take_along_axis(known, chosen, axis=1)
        order = np.argsort(best, axis=1, kind="stable")
        squares[here] = np.take_along_axis(best, order, axis=1)
        places[here] = np.take_along_axis(found, order, axis=1)
    return places, squares


def wide_parts(rows: Rows, size: int = CHUNK) -> Iterator[tuple[Indices, Matrix]]:
    """The rows in fp64, at most `size` at a time, with their places. Raises ValueError where not finite."""
    for start in range(0, len(rows), size):
        places = np.arange(start, min(start + size, len(rows)))
        part: Matrix = rows.take(places).astype(np.float64)
        if not np.isfinite(part).all():
            raise ValueError("features hold NaN or infinity")
        yield places, part
