"""Paired differences as a forest plot: a table a metric, a row a category, 0 dashed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from harness.difference import Difference
from harness.plots import axis_svg, interval_svg, make_axis
from harness.report.numbers import format_change, format_p
from harness.report.paired import Pair, verdict
from harness.types import Direction


@dataclass(frozen=True)
class ForestRow:
    """A line of the plot; `verdict` is "better", "worse" or "tied"."""

    name: str
    difference: Difference
    change: str
    interval: str
    p: str
    verdict: str
    plot: str
    whole: bool


@dataclass(frozen=True)
class Forest:
    """One metric's differences between the runs of a pair, on an axis that holds 0."""

    metric: str
    direction: Direction
    axis: str
    rows: tuple[ForestRow, ...]
    method: str


def forests(pair: Pair) -> Iterator[Forest]:
    """A forest a metric, in the order of the scores: the whole bench first, then its categories."""
    for overall in pair.overall:
        parts = [row for row in pair.by_category if row.metric == overall.metric]
        rows = [overall, *parts] if len(parts) > 1 else [overall]
        ends = [v for row in rows for v in (row.low, row.difference, row.high) if math.isfinite(v)]
        axis = make_axis([0.0, *ends])
        yield Forest(
            overall.metric,
            overall.direction,
            axis_svg(axis),
            tuple(
                ForestRow(
                    name="All" if row is overall else row.category or "No category",
                    difference=row,
                    change=format_change(row.difference, row.low, row.high),
                    interval=interval_text(row),
                    p=format_p(row.p_holm),
                    verdict=verdict(row),
                    plot=interval_svg(
                        row.difference,
                        row.low,
                        row.high,
                        axis,
                        overall=0.0,
                        label=f"{format_change(row.difference, row.low, row.high)}, 95% interval "
                        f"{interval_text(row)}",
                    ),
                    whole=row is overall,
                )
                for row in rows
            ),
            overall.method,
        )


def interval_text(row: Difference) -> str:
    """ "−0.12 to +0.03", or "n/a" where there is no interval."""
    if not (math.isfinite(row.low) and math.isfinite(row.high)):
        return "n/a"
    return f"{format_change(row.low, row.low, row.high)} to {format_change(row.high, row.low, row.high)}"


def sentence(pair: Pair) -> str:
    """What the pair's tests over the whole bench came to, in one sentence."""
    said = {
        kind: [r.metric for r in pair.overall if verdict(r) == kind] for kind in ("better", "worse", "tied")
    }
    if not pair.overall:
        return f"{pair.b.letter} and {pair.a.letter} share no metric that could be compared."
    parts = [f"{kind} in {', '.join(said[kind])}" for kind in ("better", "worse") if said[kind]]
    if said["tied"]:
        parts.append(f"statistically tied in {', '.join(said['tied'])}")
    return f"{pair.b.letter} against {pair.a.letter}: {'; '.join(parts)}."
