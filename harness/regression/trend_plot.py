"""Scores over a baseline's history: a panel a metric, PNG and SVG."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from drawbench.errors import InputError
from harness.regression.history import Event, Point

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH = 7.5
_PANEL = 1.9
_DPI = 140
_MOST_LABELS = 8


def trend_plot(events: Sequence[Event], metrics: Sequence[str] | None, name: str) -> dict[str, bytes]:
    """{".png": ..., ".svg": ...} of the metrics' values, events in order and evenly spaced.

    A filled square is a baseline, its value a dashed line until the next; an open circle is a candidate, and
    a cross one that regressed. Whiskers are 95% intervals. A line joins points of one identity only. Equal
    histories give equal bytes. Raises InputError where there is nothing to draw.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    known = list(dict.fromkeys(point.metric for event in events for point in event.scores))
    unknown = next((metric for metric in metrics or () if metric not in known), None)
    if unknown is not None:
        raise InputError(f"the history has no {unknown}; it has {', '.join(known)}")
    shown = list(metrics or known)
    if not events or not shown:
        raise InputError("the history has no scores to draw")
    figure = Figure(figsize=(_WIDTH, _PANEL * len(shown) + 1.0), layout="constrained")
    panels = figure.subplots(len(shown), 1, squeeze=False, sharex=True)[:, 0]
    for panel, metric in zip(panels, shown, strict=True):
        _draw(panel, events, metric)
    step = math.ceil(len(events) / _MOST_LABELS)
    places = list(range(0, len(events), step))
    labels = [f"{events[i].commit[:7] or 'no commit'}\n{events[i].time[:10]}" for i in places]
    panels[-1].set_xticks(places, labels, fontsize=7)
    panels[-1].set_xlim(-0.5, len(events) - 0.5)
    figure.suptitle(f"{name}: ■ baseline, ○ candidate, × regression", fontsize=9, x=0.01, ha="left")
    drawn = {}
    with mpl.rc_context({"svg.hashsalt": "drawbench", "svg.fonttype": "none"}):
        for suffix, facts in ((".png", {"Software": None}), (".svg", {"Date": None, "Creator": None})):
            buffer = io.BytesIO()
            figure.savefig(buffer, format=suffix[1:], dpi=_DPI, metadata=facts)
            drawn[suffix] = buffer.getvalue()
    return drawn


def _draw(panel: Axes, events: Sequence[Event], metric: str) -> None:
    found = [(place, event, _point(event, metric)) for place, event in enumerate(events)]
    points = [(place, event, point) for place, event, point in found if point is not None]
    for (x, _, one), (after, _, other) in pairwise(points):
        if one.identity == other.identity:
            panel.plot([x, after], [one.value, other.value], color="0.6", linewidth=1.0, zorder=1)
    kept = [(place, point) for place, event, point in points if event.entry is not None]
    for (start, point), stop in zip(kept, [*(p - 0.5 for p, _ in kept[1:]), len(events) - 0.5], strict=True):
        panel.plot(
            [start, stop], [point.value] * 2, color="black", linewidth=0.8, linestyle=(0, (4, 3)), zorder=1
        )
    for place, event, point in points:
        if point.low is not None and point.high is not None:
            panel.plot(
                [place, place], [point.low, point.high], color="black", linewidth=1.2, marker="_", zorder=2
            )
        marker, fill = ("s", "black") if event.entry is not None else ("o", "white")
        if event.outcome == "regression":
            marker = "X"
            fill = "#b3261e"
        panel.plot(
            [place],
            [point.value],
            marker=marker,
            markersize=7,
            markerfacecolor=fill,
            markeredgecolor="black",
            zorder=3,
        )
    better = "higher" if points and points[0][2].direction == "higher" else "lower"
    panel.set_title(f"{metric} ({better} is better)", fontsize=9, loc="left")
    panel.tick_params(labelsize=8)
    panel.grid(visible=True, axis="y", color="0.9")
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)
    panel.margins(y=0.15)


def _point(event: Event, metric: str) -> Point | None:
    return next((point for point in event.scores if point.metric == metric), None)
