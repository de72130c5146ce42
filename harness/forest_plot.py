"""Differences between two runs drawn as a forest plot, PNG: a panel a metric, a row a category."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from harness.difference import Comparison, Difference
from harness.plots import make_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH = 7.5
_ROW = 0.27
_PANEL = 0.95
_DPI = 130


def forest_png(result: Comparison) -> bytes:
    """PNG bytes: the difference of each row as a dot, its 95% interval as a line with end marks, 0 dashed.

    Each metric has its own axis, which always holds 0. Rows without an interval show the dot alone. Equal
    comparisons give equal bytes.
    """
    from matplotlib.figure import Figure

    panels = [list(rows) for _, rows in groupby(result.rows, key=lambda row: row.metric)]
    heights = [_PANEL + _ROW * len(rows) for rows in panels]
    figure = Figure(figsize=(_WIDTH, sum(heights) + 0.6), layout="constrained")
    axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    for panel, rows in zip(axes, panels, strict=True):
        _draw(panel, rows)
    figure.suptitle(f"B minus A\nA: {result.a}\nB: {result.b}", fontsize=8, x=0.01, ha="left")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()


def _draw(panel: Axes, rows: Sequence[Difference]) -> None:
    axis = make_axis([0.0, *(v for row in rows for v in (row.low, row.difference, row.high))])
    panel.axvline(0.0, color="black", linewidth=0.8, linestyle=(0, (4, 3)))
    for place, row in enumerate(rows):
        if math.isfinite(row.low) and math.isfinite(row.high):
            panel.plot([row.low, row.high], [place, place], color="black", linewidth=1.2, marker="|")
        panel.plot([row.difference], [place], color="black", marker="o", markersize=5, linestyle="none")
    better = "right" if rows[0].direction == "higher" else "left"
    panel.set_title(f"{rows[0].metric} (B better to the {better})", fontsize=9, loc="left")
    panel.set_yticks(range(len(rows)), [_label(row) for row in rows], fontsize=8)
    panel.set_ylim(len(rows) - 0.4, -0.6)
    room = 0.03 * (axis.stop - axis.start)
    panel.set_xlim(axis.start - room, axis.stop + room)
    panel.set_xticks(axis.ticks, [axis.label(tick) for tick in axis.ticks], fontsize=8)
    panel.grid(visible=True, axis="x", color="0.88")
    panel.set_axisbelow(True)
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.tick_params(axis="y", length=0)


def _label(row: Difference) -> str:
    name = "all" if row.category is None else row.category or "no category"
    return f"{name} ({row.pairs})"
