"""Pareto fronts in two scores, and the hypervolume that they dominate. Pure functions of arrays.

Points are (n, 2) *gains*: both columns are better when greater. `gains` turns scores into them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.types import Direction

Gains = NDArray[np.float64]


def gains(scores: ArrayLike, directions: Sequence[Direction]) -> Gains:
    """Scores (..., 2) with the sign of those that are better when lower turned."""
    signs = np.array([1.0 if direction == "higher" else -1.0 for direction in directions])
    return np.asarray(np.asarray(scores, dtype=np.float64) * signs, dtype=np.float64)


def non_dominated(points: ArrayLike) -> NDArray[np.bool_]:
    """Which of the points (n, 2) no other dominates, (n,).

    One dominates another where it is at least as good in both scores and better in one; so equal points are
    all on the front, or none of them. Points that are not finite are not on it and dominate nothing.
    """
    p = _pairs(points)
    on = np.asarray(np.isfinite(p).all(axis=1), dtype=np.bool_)
    places = np.flatnonzero(on)
    order = places[np.lexsort((-p[places, 1], -p[places, 0]))]  # the first score falls, ties by the second
    best = -np.inf
    last = np.array([np.nan, np.nan])
    for place in order:
        if p[place, 1] > best:
            best, last = p[place, 1], p[place]
        elif not (p[place] == last).all():
            on[place] = False
    return on


def hypervolume(points: ArrayLike, reference: ArrayLike) -> float:
    """Area of the region that is better than `reference` (2,) and dominated by some of the points (n, 2).

    Points that are not better than the reference in both scores add nothing; no points give 0. In the
    product of the two scores' units.
    """
    p = _pairs(points)
    r = np.asarray(reference, dtype=np.float64)
    p = p[np.isfinite(p).all(1)]
    p = p[(p > r).all(1)]
    area, height = 0.0, float(r[1])
    for x, y in p[np.lexsort((-p[:, 1], -p[:, 0]))]:
        if y > height:
            area += (x - r[0]) * (y - height)
            height = float(y)
    return float(area)


def knee(points: ArrayLike) -> int | None:
    """The place of the front's point farthest above the straight line between its two ends.

    Scores are first scaled to the front's own extent. None where the front has no point between its ends
    that is above the line.
    """
    p = _pairs(points)
    places = np.flatnonzero(non_dominated(p))
    if places.size < 3:
        return None
    low, high = p[places].min(0), p[places].max(0)
    if (high == low).any():
        return None
    above = ((p[places] - low) / (high - low)).sum(1) - 1.0  # the ends are at (0, 1) and (1, 0)
    best = int(np.argmax(above))
    return int(places[best]) if above[best] > 1e-12 else None


def _pairs(points: ArrayLike) -> Gains:
    p = np.asarray(points, dtype=np.float64)
    p = p.reshape(0, 2) if p.size == 0 else p
    if p.ndim != 2 or p.shape[1] != 2:
        raise ValueError(f"points must be (n, 2), got {p.shape}")
    return p
