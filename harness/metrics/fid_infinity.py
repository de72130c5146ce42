"""FID-infinity (Chong & Forsyth 2020): a Fréchet distance without the bias from the number of pictures.

Its bias falls as 1/N. So the distance of all pictures, of both halves, of the three thirds and of the four
quarters is taken, and a line through their means over 1/N goes on to 1/N = 0. Where the paper draws random
subsets, these are disjoint and use every picture at every N, which makes the line steadier. They hold whole
prompts, as samples of one prompt are not independent. The reference's own bias stays in the value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from harness.metrics.base import Estimate, Inputs
from harness.metrics.distance import AgainstGaussian
from harness.metrics.frechet import GIVEN, Reference, distance_to
from harness.metrics.jackknife import Deal, Labels, leave_out_interval, no_interval
from harness.moments import Moments
from harness.rows import Places, Rows, subset
from harness.stats import Interval

CUTS = (1, 2, 3, 4)
_CELLS = 12  # a multiple of every cut
_SUBSETS = [np.array_split(np.arange(_CELLS), cut) for cut in CUTS]


@dataclass(frozen=True)
class BiasCurve:
    """Distances `values` at `counts` pictures (means over the subsets of a size), and the line through them.

    value(N) = `infinity` + `slope` / N.
    """

    counts: tuple[float, ...]
    values: tuple[float, ...]
    infinity: float
    slope: float
    interval: Interval = field(default_factory=no_interval)


@dataclass(frozen=True, kw_only=True)
class FidInfinity(AgainstGaussian):
    """The value to which a Fréchet distance would come with ever more pictures, from a line over 1/N.

    Lower is better. Needs eight times as many pictures as dimensions, as the line is none below that.
    """

    summary: str = "Fréchet distance carried on to infinitely many pictures (FID-infinity)."

    def protocol(self) -> tuple[str, ...]:
        """See OnFeatures."""
        return (f"disjoint 1/{CUTS[0]}..1/{CUTS[-1]} of the prompts",)

    def whole_set(self, inputs: Inputs) -> Estimate:
        """The value at infinity, its interval, the curve as a note. Raises ValueError below 8 d pictures."""
        curve = bias_curve(
            self.generated_rows(inputs), self.fitted(inputs), inputs.clusters, seed=inputs.seed
        )
        points = ", ".join(
            f"{value:.4g} at {count:.0f}" for count, value in zip(curve.counts, curve.values, strict=True)
        )
        notes = (f"{self.name}: the distance is {points} pictures; the reference's own bias is still in it",)
        drawn = {"counts": list(curve.counts), "values": list(curve.values), "slope": curve.slope}
        return Estimate(curve.infinity, curve.interval, notes, drawn)

    def of_subsets(self, inputs: Inputs) -> Callable[[Places], float]:
        """See OfSubsets: limits of parts, each cut anew. Raises ValueError as `whole_set`."""
        rows, reference = self.generated_rows(inputs), self.fitted(inputs)

        def value(places: Places) -> float:
            deal = _deal(rows.shape[1], inputs.clusters[places], inputs.seed)
            return _curve(*_whole(_cells(subset(rows, places), deal), reference)).infinity

        return value


def bias_curve(
    rows: Rows, reference: Reference, clusters: Labels, *, level: float = 0.95, seed: int = 0
) -> BiasCurve:
    """The N-bias curve of features (n, d) against a reference, its limit and the limit's interval.

    Prompts are dealt into 12 cells by `seed`, of which the subsets are made. The interval is a jackknife that
    leaves each cell out in turn. Raises ValueError below n = 8 d, where the smallest subsets would have fewer
    than two pictures a dimension, and below 12 prompts.
    """
    deal = _deal(rows.shape[1], clusters, seed)
    cells = _cells(rows, deal)
    counts, whole = _whole(cells, reference)
    curve = _curve(counts, whole)
    without = []
    for cell in range(_CELLS):
        values = [list(row) for row in whole]
        sizes = [list(row) for row in counts]
        for row, parts in enumerate(_SUBSETS):
            place = next(i for i, part in enumerate(parts) if cell in part)
            left = [c for c in parts[place] if c != cell]
            values[row][place] = _distance(cells, left, reference)
            sizes[row][place] -= cells[cell].n
        without.append(_line(sizes, values)[0])
    interval = leave_out_interval(curve.infinity, without, deal.prompts, given=GIVEN, level=level)
    return replace(curve, interval=interval)


def _deal(d: int, clusters: Labels, seed: int) -> Deal:
    """The cells of pictures in d dimensions. Raises ValueError where pictures or prompts are too few."""
    n = len(clusters)
    deal = Deal.of(clusters, _CELLS, seed)
    if n < 2 * CUTS[-1] * d:
        raise ValueError(
            f"a limit over 1/N needs {2 * CUTS[-1] * d} pictures at least, {2 * CUTS[-1]} for each of {d} "
            f"dimensions, got {n}"
        )
    if deal.groups < _CELLS:
        raise ValueError(f"a limit over 1/N needs at least {_CELLS} prompts, got {deal.prompts}")
    return deal


def _cells(rows: Rows, deal: Deal) -> list[Moments]:
    return [Moments.of(subset(rows, deal.members(cell))) for cell in range(_CELLS)]


def _whole(cells: Sequence[Moments], reference: Reference) -> tuple[list[list[int]], list[list[float]]]:
    """The pictures and the distance of each subset, a list for each cut."""
    counts = [[sum(cells[c].n for c in part) for part in parts] for parts in _SUBSETS]
    return counts, [[_distance(cells, part, reference) for part in parts] for parts in _SUBSETS]


def _curve(counts: Sequence[Sequence[int]], values: Sequence[Sequence[float]]) -> BiasCurve:
    """The curve through the distances of the subsets, without an interval."""
    levels = tuple(1 / float(np.mean(1 / np.array(row))) for row in counts)
    return BiasCurve(levels, tuple(float(np.mean(row)) for row in values), *_line(counts, values))


def _distance(cells: Sequence[Moments], chosen: Sequence[int] | Labels, reference: Reference) -> float:
    total = cells[chosen[0]]
    for cell in chosen[1:]:
        total = total + cells[cell]
    return distance_to(reference, total.mean, total.covariance)


def _line(counts: Sequence[Sequence[float]], values: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Intercept and slope of the least-squares line through each size's mean value over its mean 1/N."""
    x = np.array([np.mean(1 / np.array(row, dtype=np.float64)) for row in counts])
    y = np.array([np.mean(row) for row in values])
    slope = float(((x - x.mean()) @ (y - y.mean())) / ((x - x.mean()) @ (x - x.mean())))
    return float(y.mean() - slope * x.mean()), slope
