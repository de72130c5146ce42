"""The figure of quality against alignment, in the manner of the paper's figure 4, for a column of print.

A curve is told by its line style and marker first and by colour second, so the figure can be read in black
and white. Points that no other dominates are filled and joined by the grey staircase of the front; labels
are the swept setting's values, the knee's in bold.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from html import escape
from itertools import pairwise
from textwrap import fill, wrap
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.pareto.curves import Curve, Pareto, Point
from harness.pareto.front import gains
from harness.pareto.labels import Box, Wanted, place_labels
from harness.pareto.table import failure_lines, interval_text, number_text, value_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMN = 3.25
"""Width of a column of print, in inches."""
_DPI = 300
_COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#AA4499", "#777777")
_LINES: tuple[Any, ...] = (
    "-",
    (0, (5, 2)),
    (0, (1, 1.2)),
    (0, (5, 1.5, 1, 1.5)),
    (0, (8, 2)),
    (0, (3, 1, 1, 1, 1, 1)),
)
_MARKERS = ("o", "s", "^", "D", "v", "P")
_NOTES, _SMALL, _USUAL = 5.5, 6.0, 7.0
_EDGE, _LABELS, _LINE, _NOTE = 0.06, 0.36, 0.118, 0.092
"""Inches: margin, room for tick and axis labels, height of a line of the legend and of the notes."""
_NOTE_SIGNS, _LEGEND_SIGNS = 21, 17
"""Signs of a line of the notes and of a legend's label, for each inch of the figure's width."""
_ELLIPSES = 6
"""With more points than this, ellipses are drawn at each curve's ends and knee, or best quality, alone."""
_MARKER_ROOM = 2.6  # half a marker's side, in points
_MISSING = "†"


def pareto_figure(pareto: Pareto, width: float = COLUMN) -> tuple[bytes, str]:
    """The figure as PNG bytes at 300 dots an inch and as SVG text; `width` in inches.

    Equal curves give equal bytes. The SVG is an element that can stand in a page: it starts with `<svg`, has
    a title and a description for screen readers, its letters are outlines, and its ids begin with the sweep's
    name, so that several figures may stand in one page.
    """
    import matplotlib as mpl

    style: Any = {"svg.hashsalt": "drawbench", "svg.fonttype": "path"}
    style |= {"font.size": _USUAL, "axes.linewidth": 0.6}
    with mpl.rc_context(style):
        figure = _figure(pareto, width)
        png, svg = io.BytesIO(), io.BytesIO()
        figure.savefig(png, format="png", dpi=_DPI, metadata={"Software": None})
        figure.savefig(svg, format="svg", dpi=72, metadata={"Date": None, "Creator": None})
    return png.getvalue(), _for_a_page(svg.getvalue().decode(), pareto)


def pareto_svg(pareto: Pareto, width: float = COLUMN) -> str:
    """The SVG of `pareto_figure` alone."""
    return pareto_figure(pareto, width)[1]


def _for_a_page(text: str, pareto: Pareto) -> str:
    """The SVG element alone, with its own ids, a title and a description."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    prefix = re.sub(r"[^A-Za-z0-9]+", "-", pareto.name) + "-"
    text = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}\1"', text)
    text = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}\1)", text)
    title, said = (escape(part, quote=True) for part in (_title(pareto), _description(pareto)))
    start = f'role="img" aria-labelledby="{prefix}title {prefix}desc" style="max-width:100%;height:auto" '
    inside = f'>\n<title id="{prefix}title">{title}</title>\n<desc id="{prefix}desc">{said}</desc>'
    head, rest = text.split(">", 1)
    return f"{head.replace('<svg ', '<svg ' + start, 1)}{inside}{rest}"


def _figure(pareto: Pareto, width: float) -> Figure:
    """The drawn figure. Below the plot stand, line by line, the curves' legend and the notes."""
    from matplotlib.figure import Figure

    notes = [line for note in _notes(pareto) for line in wrap(note, int(_NOTE_SIGNS * width))]
    title = _legend_title(pareto)
    handles, labels = _legend(pareto, int(_LEGEND_SIGNS * width))
    lines = sum(label.count("\n") + 1 for label in labels) + (title is not None)
    legend_height = _LINE * lines + 0.04
    below = _LABELS + legend_height + _NOTE * len(notes) + 0.04
    plot = min(0.8 * width, 3.4)
    height = _EDGE + plot + below
    figure = Figure(figsize=(width, height), dpi=72)
    axes = figure.add_axes((0.5 / width, below / height, 1 - (0.5 + _EDGE) / width, plot / height))
    front = pareto.front()
    _draw_staircase(axes, pareto, [pareto.curves[c].points[p] for c, p in front])
    for number, curve in enumerate(pareto.curves):
        _draw_curve(axes, pareto, curve, number, {p for c, p in front if c == number})
    axes.set_xlabel(f"{pareto.alignment.metric} ({pareto.alignment.direction} is better)", labelpad=2)
    axes.set_ylabel(f"{pareto.quality.metric} ({pareto.quality.direction} is better)", labelpad=2)
    axes.tick_params(labelsize=_SMALL, length=2, width=0.6, pad=2)
    axes.grid(visible=True, linewidth=0.3, color="0.88")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    _fit(axes, pareto)
    figure.legend(
        handles,
        labels,
        loc="upper left",
        bbox_to_anchor=(0.0, (below - _LABELS) / height),
        title=title,
        title_fontsize=_SMALL,
        alignment="left",
        fontsize=_SMALL,
        frameon=False,
        handlelength=3.4,
        labelspacing=0.25,
        borderaxespad=0.0,
        borderpad=0.2,
    )
    for line, text in enumerate(reversed(notes)):
        y = (0.04 + _NOTE * line) / height
        figure.text(_EDGE / width, y, text, fontsize=_NOTES, color="0.25", va="baseline")
    figure.canvas.draw()
    around = axes.get_tightbbox()
    over = 0.0 if around is None else max(0.0, around.x1 / 72 - width + _EDGE / 2)
    start = 0.5 + _EDGE - (around.x0 / 72 if around is not None else _EDGE)  # tick labels of any width
    axes.set_position((start / width, below / height, 1 - (start + over + _EDGE) / width, plot / height))
    figure.canvas.draw()
    _draw_labels(figure, axes, pareto, front)
    return figure


def _draw_curve(axes: Axes, pareto: Pareto, curve: Curve, number: int, on_front: set[int]) -> None:
    colour, line, marker = _look(number)
    points = curve.scored
    if not points:
        return
    scores = np.array([point.scores for point in points])
    for point in _with_ellipse(pareto, curve):
        outline = ellipse_outline(point)
        if outline is not None:
            axes.fill(*outline.T, facecolor=colour, alpha=0.06, linewidth=0, zorder=1)
            axes.plot(*outline.T, color=colour, alpha=0.5, linewidth=0.4, linestyle=line, zorder=1)
    axes.plot(*scores.T, color=colour, linestyle=line, linewidth=0.9, zorder=3)
    for filled in (False, True):
        chosen = [p.scores for i, p in enumerate(curve.points) if p.scored and (i in on_front) == filled]
        if chosen:
            axes.plot(
                *np.array(chosen).T,
                linestyle="none",
                marker=marker,
                markersize=3.8,
                markeredgewidth=0.8,
                markeredgecolor=colour,
                markerfacecolor=colour if filled else "white",
                zorder=4,
            )


def _with_ellipse(pareto: Pareto, curve: Curve) -> list[Point]:
    """The points of a curve whose ellipses are drawn."""
    points = curve.scored
    if sum(point.scored for point in pareto.points) <= _ELLIPSES:
        return list(points)
    if not points:
        return []
    bend = pareto.knee(curve)
    middle = curve.points[bend] if bend is not None else max(points, key=lambda p: pareto.gains([p])[0, 1])
    return list({point.run_hash: point for point in (points[0], middle, points[-1])}.values())


def ellipse_outline(point: Point, count: int = 60) -> NDArray[np.float64] | None:
    """Points (count, 2) on a point's 95% ellipse, in the scores' units; None where it has none."""
    ellipse = point.ellipse
    if ellipse is None:
        return None
    turn = np.linspace(0.0, 2 * np.pi, count)
    angle = math.radians(ellipse.angle)
    long = np.array([math.cos(angle), math.sin(angle)]) * ellipse.long
    short = np.array([-math.sin(angle), math.cos(angle)]) * ellipse.short
    return np.asarray(point.scores) + np.cos(turn)[:, None] * long + np.sin(turn)[:, None] * short


def _draw_staircase(axes: Axes, pareto: Pareto, front: Sequence[Point]) -> None:
    """The border of the region that the front dominates, towards both sides' ends of the front."""
    if not front:
        return
    corners = sorted((float(x), float(y)) for x, y in pareto.gains(front))
    steps = [corners[0]]
    for before, after in pairwise(corners):
        steps += [(before[0], after[1]), after]
    line = gains(np.array(steps), pareto.directions)
    axes.plot(*line.T, color="0.72", linewidth=2.4, solid_joinstyle="round", zorder=2)


def _fit(axes: Axes, pareto: Pareto) -> None:
    """Axes that hold all points, and the drawn ellipses as far as these do not dwarf the curves."""
    scores = np.array([point.scores for point in pareto.points if point.scored])
    if scores.size == 0:
        return
    low, high = scores.min(0), scores.max(0)
    extent = np.where(high > low, high - low, np.abs(low) * 0.1 + 1e-6)
    shown = [ellipse_outline(p) for curve in pareto.curves for p in _with_ellipse(pareto, curve)]
    every = np.concatenate([scores, *(outline for outline in shown if outline is not None)])
    room_low = np.clip(1.05 * (low - every.min(0)), 0.08 * extent, 0.5 * extent)
    room_high = np.clip(1.05 * (every.max(0) - high), 0.08 * extent, 0.5 * extent)
    axes.set_xlim(low[0] - room_low[0], high[0] + room_high[0])
    axes.set_ylim(low[1] - room_low[1], high[1] + room_high[1])


def _draw_labels(figure: Figure, axes: Axes, pareto: Pareto, front: set[tuple[int, int]]) -> None:
    """Labels in points of the figure, which `figure` has settled by now."""
    from matplotlib import patheffects
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    wanted, texts = [], []
    obstacles, lines = [], []
    for number, curve in enumerate(pareto.curves):
        bend = pareto.knee(curve)
        places = [i for i, point in enumerate(curve.points) if point.scored]
        lines += _along([axes.transData.transform(point.scores) for point in curve.scored])
        for place in places:
            point = curve.points[place]
            x, y = axes.transData.transform(point.scores)
            obstacles.append(Box(x - _MARKER_ROOM, y - _MARKER_ROOM, x + _MARKER_ROOM, y + _MARKER_ROOM))
            text = value_text(point.at) + (_MISSING if point.failed else "")
            weight = "bold" if place == bend else "normal"
            font = FontProperties(size=_SMALL, weight=weight)
            extent = TextPath((0, 0), text, prop=font).get_extents()
            must = place in (places[0], places[-1], bend)
            rank = 2.0 * must + 1.0 * bool(point.failed) + 0.5 * ((number, place) in front)
            wanted.append(Wanted(x, y, extent.width + 1.0, extent.height + 1.0, rank))
            texts.append((text, weight, _look(number)[0]))
    frame = axes.get_window_extent()
    boxes = place_labels(wanted, Box(frame.x0, frame.y0, frame.x1, frame.y1), obstacles, lines)
    width, height = figure.get_size_inches() * 72
    halo = [patheffects.withStroke(linewidth=1.2, foreground="white")]
    for label, box, (text, weight, colour) in zip(wanted, boxes, texts, strict=True):
        if box is None:
            continue
        x, y = box.centre
        figure.text(
            x / width,
            y / height,
            text,
            fontsize=_SMALL,
            fontweight=weight,
            color=colour,
            ha="center",
            va="center_baseline",
            path_effects=halo,
            zorder=6,
        )
        near_x = min(max(label.x, box.left), box.right)
        near_y = min(max(label.y, box.bottom), box.top)
        if math.hypot(near_x - label.x, near_y - label.y) > 6:
            from matplotlib.lines import Line2D

            ends = [near_x / width, label.x / width], [near_y / height, label.y / height]
            figure.add_artist(Line2D(*ends, color="0.5", linewidth=0.4, zorder=2))


def _along(corners: Sequence[NDArray[np.float64]]) -> list[Box]:
    """Small boxes along a line through these corners, which labels keep off where they can."""
    boxes = []
    for start, stop in pairwise(corners):
        for share in np.linspace(0.0, 1.0, 2 + int(np.hypot(*(stop - start)) / 3)):
            x, y = start + share * (stop - start)
            boxes.append(Box(x - 0.5, y - 0.5, x + 0.5, y + 0.5))
    return boxes


def _look(number: int) -> tuple[str, Any, str]:
    """Colour, line style and marker of a curve."""
    places = (number % len(kinds) for kinds in (_COLOURS, _LINES, _MARKERS))
    colour, line, marker = places
    return _COLOURS[colour], _LINES[line], _MARKERS[marker]


def _legend(pareto: Pareto, signs: int) -> tuple[list[Any], list[str]]:
    from matplotlib.lines import Line2D

    handles, labels = [], []
    for number, curve in enumerate(pareto.curves):
        colour, line, marker = _look(number)
        handles.append(
            Line2D([], [], color=colour, linestyle=line, linewidth=0.9, marker=marker, markersize=3.8)
        )
        area, interval = pareto.hypervolume(curve.points)
        name = curve.label or str(pareto.about.get("model", ""))
        text = f"{name}: hypervolume {interval_text(area, interval.low, interval.high)}"
        labels.append(fill(text, signs))
    return handles, labels


def _legend_title(pareto: Pareto) -> str | None:
    names = list(dict.fromkeys(name for curve in pareto.curves for name in curve.variant))
    return ", ".join(names) or None


def _notes(pareto: Pareto) -> list[str]:
    scored = [point for point in pareto.points if point.scored]
    pictures = sorted({point.alignment.n for point in scored if point.alignment is not None})
    span = "–".join(f"{n:,}" for n in dict.fromkeys((pictures[0], pictures[-1]))) if pictures else "no"
    corner = ", ".join(number_text(value) for value in pareto.reference)
    where = "" if len(scored) <= _ELLIPSES else ", at ends and knee, or best quality"
    return [
        f"Labels: {pareto.along}, bold at a knee. {span} pictures a point.",
        f"Ellipses: 95%{where}. Filled marks, grey steps: the front of all curves. "
        f"Hypervolumes from ({corner}).",
        *(f"{_MISSING} {line}" for line in failure_lines(pareto)[:3]),
    ]


def _title(pareto: Pareto) -> str:
    return f"{pareto.quality.metric} against {pareto.alignment.metric} over {pareto.along}"


def _description(pareto: Pareto) -> str:
    """What the figure shows, in words: the ends and the knee of each curve."""
    parts = []
    for curve in pareto.curves:
        points = curve.scored
        if not points:
            continue
        bend = pareto.knee(curve)
        chosen = [points[0], *([curve.points[bend]] if bend is not None else []), points[-1]]
        said = "; ".join(
            f"{pareto.along} {value_text(p.at)}: {number_text(p.scores[0])}, {number_text(p.scores[1])}"
            for p in chosen
        )
        parts.append(f"{curve.label or 'curve'}: {said}.")
    return " ".join(parts)
