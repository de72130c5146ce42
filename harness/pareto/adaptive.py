"""Where the next weight of a curve should go, and when no more can change its front.

Between two neighbouring weights a curve is not known, but it is bounded. Take each score, better when
greater, as a function of the weight's position (its logarithm where all weights are positive), and assume
that within one gap between neighbours it either runs between its two ends (monotone) or is concave up to the
next points on both sides, as around a single peak. In the first case it is at most the better end; in the
second it lies below the straight line through the two points on the left of the gap, carried on into it,
and below the one through the two points on the right. The larger of both bounds, score by score, is the
corner that a point in the gap could reach at best. What that corner would add to the hypervolume is the
gap's *gain*.

The next weight goes into the middle of the gap with the largest gain. The sweep stops

- where the largest gain is at most `tolerance` (0.5) times the half-width of the 95% interval of the
  hypervolume itself: then a further point, even at its best, moves the front by less than the pictures' own
  noise does, or
- where that gap is narrower than `closest` (a ratio of 1.05 between weights), or
- at `most` points.

A score with several peaks inside one gap is outside the assumption. Weights beyond the first and the last
one given are not looked at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.pareto.errors import hypervolume_interval
from harness.pareto.front import hypervolume

TOLERANCE = 0.5
CLOSEST = 1.05
Gains = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Proposal:
    """The next `weight`, or None with the reason in `why`. `gain` is the largest gain of all gaps and
    `enough` the one below which the sweep stops, both in units of the hypervolume."""

    weight: float | None
    why: str
    gain: float = math.nan
    enough: float = math.nan


def next_weight(
    weights: Sequence[float],
    points: ArrayLike,
    left_out: ArrayLike,
    reference: ArrayLike,
    *,
    most: int,
    tolerance: float = TOLERANCE,
    closest: float = CLOSEST,
) -> Proposal:
    """The weight to try next on a curve.

    `weights` (n,) rise; `points` (n, 2) are gains, `left_out` (n, G, 2) gains without each group of prompts,
    `reference` (2,) the point that the hypervolume is measured from. Raises ValueError below two weights and
    where they do not rise.
    """
    at = np.asarray(weights, dtype=np.float64)
    if at.size < 2 or (np.diff(at) <= 0).any():
        raise ValueError("an adaptive sweep needs at least two weights, in rising order")
    p = np.asarray(points, dtype=np.float64)
    logarithmic = bool(at[0] > 0)
    u = np.log(at) if logarithmic else at
    area, interval = hypervolume_interval(p, left_out, reference)
    half = interval.high - area
    enough = tolerance * half if math.isfinite(half) else 0.0
    added = np.array(
        [hypervolume(np.vstack([p, best_corner(u, p, gap)]), reference) - area for gap in range(at.size - 1)]
    )
    gap = int(np.argmax(added))
    gain = float(added[gap])
    if gain <= enough:
        why = f"a further point can add {gain:.3g} at best, and {enough:.3g} is within the pictures' noise"
        return Proposal(None, why, gain, enough)
    if at.size >= most:
        return Proposal(None, f"{most} points are there; a further one could add {gain:.3g}", gain, enough)
    low, high = float(at[gap]), float(at[gap + 1])
    narrow = high / low < closest if logarithmic else high - low < (closest - 1) * float(at[-1] - at[0])
    middle = short_number(math.exp((u[gap] + u[gap + 1]) / 2) if logarithmic else (low + high) / 2, low, high)
    if narrow or middle is None:
        why = f"the gap from {low:g} to {high:g} is too narrow; a point there could add {gain:.3g}"
        return Proposal(None, why, gain, enough)
    return Proposal(middle, f"between {low:g} and {high:g}, where a point can add {gain:.3g}", gain, enough)


def best_corner(positions: Gains, points: Gains, gap: int) -> Gains:
    """Upper bounds (2,) of both gains between points `gap` and `gap` + 1; see the module's docstring."""
    left, right = points[gap], points[gap + 1]
    bound = np.maximum(left, right)
    for score in range(2):
        bound[score] = max(bound[score], _concave_bound(positions, points[:, score], gap))
    return np.asarray(bound, dtype=np.float64)


def _concave_bound(u: Gains, f: Gains, gap: int) -> float:
    """The greatest value in the gap of a function that is concave from one point before it to one behind.

    The lower of the two outer lines, at its highest place in the gap. Without an outer line on one side the
    other alone counts; where it rises without end in the gap, that is its value at the gap's far end.
    """
    a, b = u[gap], u[gap + 1]
    lines = []
    if gap > 0:
        lines.append((f[gap], (f[gap] - f[gap - 1]) / (a - u[gap - 1]), a))
    if gap + 2 < u.size:
        lines.append((f[gap + 1], (f[gap + 2] - f[gap + 1]) / (u[gap + 2] - b), b))
    places = [a, b]
    if len(lines) == 2 and lines[0][1] != lines[1][1]:
        (f1, s1, u1), (f2, s2, u2) = lines
        cross = (f2 - f1 + s1 * u1 - s2 * u2) / (s1 - s2)
        if a < cross < b:
            places.append(cross)
    if not lines:
        return -math.inf
    return float(max(min(value + slope * (x - at) for value, slope, at in lines) for x in places))


def short_number(value: float, low: float, high: float) -> float | None:
    """The number with the fewest digits, 2 to 6, that is close to the middle; None where none is between."""
    for digits in range(2, 7):
        short = float(f"{value:.{digits}g}")
        if low < short < high and abs(short - value) <= 0.1 * (high - low):
            return short
    return None
