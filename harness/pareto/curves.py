"""What a sweep came to: points with their errors, curves of them, and all curves of a figure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.pareto.errors import (
    Ellipse,
    confidence_ellipse,
    hypervolume_interval,
    jackknife_covariance,
    jackknife_interval,
)
from harness.pareto.front import gains, hypervolume, knee, non_dominated
from harness.stats import Interval
from harness.types import Direction, canonical_json


@dataclass(frozen=True, slots=True)
class Measure:
    """One axis: a metric and all that makes its numbers what they are."""

    metric: str
    identity: str
    direction: Direction


@dataclass(frozen=True, slots=True)
class Value:
    """A score of one point with its 95% interval `low`..`high`, made by `method`, over `n` pictures."""

    value: float
    low: float
    high: float
    n: int
    method: str


@dataclass(frozen=True)
class Point:
    """One run: `at` is the swept setting's value, `run` its folder's name.

    `left_out` (G, 2) has alignment and quality without each group of prompts. `counts` is the run's ledger
    in numbers, `failures` lines about the first samples without a picture, and `pictures` a digest of those
    that were scored. `alignment` and `quality` are None where they could not be computed, for `reason`.
    """

    at: Any
    run: str
    run_hash: str
    pictures: str
    settings: Mapping[str, Any]
    model: Mapping[str, Any]
    counts: Mapping[str, int]
    failures: tuple[str, ...] = ()
    alignment: Value | None = None
    quality: Value | None = None
    left_out: tuple[tuple[float, float], ...] = ()
    reason: str | None = None

    @property
    def scored(self) -> bool:
        """Whether it has both scores."""
        return self.alignment is not None and self.quality is not None

    @property
    def scores(self) -> tuple[float, float]:
        """(alignment, quality); NaN for what it does not have."""
        pair = (self.alignment, self.quality)
        return tuple(math.nan if v is None else v.value for v in pair)  # type: ignore[return-value]

    @property
    def covariance(self) -> NDArray[np.float64]:
        """(2, 2), of alignment and quality over the same prompts."""
        return jackknife_covariance(self.left_out) if self.left_out else np.full((2, 2), np.nan)

    @property
    def ellipse(self) -> Ellipse | None:
        """The 95% ellipse, in the scores' units."""
        return confidence_ellipse(self.covariance, len(self.left_out))

    @property
    def failed(self) -> int:
        """Planned samples without a picture."""
        return int(self.counts["planned"] - self.counts["ok"])


@dataclass(frozen=True)
class Curve:
    """The points of one variant, by the swept setting. `variant` has the settings that make it one.

    `stopped` says why an adaptive sweep placed no more points, None for another sweep.
    """

    label: str
    variant: Mapping[str, Any]
    points: tuple[Point, ...]
    stopped: str | None = None

    @property
    def scored(self) -> tuple[Point, ...]:
        """Its points that have both scores."""
        return tuple(point for point in self.points if point.scored)


@dataclass(frozen=True)
class Pareto:
    """All curves of a figure. `along` is the swept setting's name, `reference` (alignment, quality) the point
    that hypervolumes are measured from, `about` has bench, seed, command, versions and machine."""

    name: str
    along: str
    alignment: Measure
    quality: Measure
    reference: tuple[float, float]
    curves: tuple[Curve, ...]
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def directions(self) -> tuple[Direction, Direction]:
        """Which way each score is better."""
        return self.alignment.direction, self.quality.direction

    def gains(self, points: Sequence[Point]) -> NDArray[np.float64]:
        """The points' scores (n, 2), better when greater."""
        return gains(np.array([point.scores for point in points]).reshape(-1, 2), self.directions)

    def front(self) -> set[tuple[int, int]]:
        """(curve, point of its `points`) of all that no point of any curve dominates."""
        places = [
            (c, p)
            for c, curve in enumerate(self.curves)
            for p, point in enumerate(curve.points)
            if point.scored
        ]
        on = non_dominated(self.gains([self.curves[c].points[p] for c, p in places]))
        return {place for place, there in zip(places, on, strict=True) if there}

    def curve_front(self, curve: Curve) -> set[int]:
        """Places in `curve.points` of those that no other point of this curve dominates."""
        return set(map(int, np.flatnonzero(non_dominated(self.gains(curve.points)))))

    def knee(self, curve: Curve) -> int | None:
        """The place in `curve.points` of its front's knee."""
        return knee(self.gains(curve.points))

    def hypervolume(self, points: Sequence[Point]) -> tuple[float, Interval]:
        """The hypervolume of some points with its 95% interval; 0 without any."""
        scored = [point for point in points if point.scored]
        if not scored:
            return 0.0, Interval(math.nan, math.nan, "no point has both scores")
        without = gains(np.array([point.left_out for point in scored]), self.directions)
        return hypervolume_interval(
            self.gains(scored), without, gains(np.array([self.reference]), self.directions)[0]
        )

    def differences(self) -> list[tuple[Curve, tuple[float, Interval]]]:
        """Each further curve with its hypervolume minus the first curve's, and the 95% interval of that.

        What prompts and noise do to both cancels, as in any paired comparison. Curves without a score, and
        all where the first has none, are left out.
        """
        first = self.curves[0]
        if not first.scored:
            return []
        reference = gains(np.array([self.reference]), self.directions)[0]

        def areas(curve: Curve) -> tuple[float, NDArray[np.float64]]:
            without = gains(np.array([point.left_out for point in curve.scored]), self.directions)
            groups = without.shape[1]
            left_out = [hypervolume(without[:, g], reference) for g in range(groups)]
            return hypervolume(self.gains(curve.scored), reference), np.array(left_out)

        base, base_left_out = areas(first)
        found = []
        for curve in self.curves[1:]:
            if curve.scored:
                area, left_out = areas(curve)
                difference = area - base
                found.append((curve, (difference, jackknife_interval(difference, left_out - base_left_out))))
        return found

    @property
    def points(self) -> list[Point]:
        """Every point of every curve."""
        return [point for curve in self.curves for point in curve.points]


def worst_corner(scores: NDArray[np.float64], directions: tuple[Direction, Direction]) -> tuple[float, float]:
    """A reference point for hypervolumes: the worst of each score (n, 2), a tenth of its range farther out.

    Rounded outwards to three digits of the range. Raises ValueError without a finite pair.
    """
    better = gains(scores, directions)
    better = better[np.isfinite(better).all(1)]
    if better.size == 0:
        raise ValueError("no point has both scores")
    low, high = better.min(0), better.max(0)
    room = np.where(high > low, (high - low) / 10, np.maximum(np.abs(low), 1e-6) / 10)
    steps = 10.0 ** (np.floor(np.log10(room)) - 1)
    corner = gains(np.floor((low - room) / steps) * steps, directions)
    return float(f"{corner[0]:.9g}"), float(f"{corner[1]:.9g}")


def sort_key(value: Any) -> tuple[int, float, str]:
    """Orders values of a setting: numbers by size, then everything else by its JSON."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return 0, float(value), ""
    return 1, 0.0, canonical_json(value)
