"""Intervals drawn as inline SVG, for pages that must open anywhere.

All places along the value axis are percentages of the drawing's width, so a plot fits a phone and a desk
alike while its lines and letters keep their size. Colours come from the page (`currentColor`), and no
meaning hangs on colour: the estimate is a dot, the interval a line with end marks, the overall value a
dashed line.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

ROW_HEIGHT = 26
AXIS_HEIGHT = 22
BAR_HEIGHT = 20
EDGE = 4.0


@dataclass(frozen=True)
class Bar:
    """A value with its interval; a `mark` of one letter stands in its dot."""

    value: float
    low: float
    high: float
    mark: str = ""


@dataclass(frozen=True)
class Axis:
    """A linear axis from `start` to `stop` with `ticks` at round values, all within the range."""

    start: float
    stop: float
    ticks: tuple[float, ...]

    def percent(self, value: float) -> float:
        """Where `value` stands, in percent of the width; values outside are put on the edge.

        A margin of 4 percent on each side keeps end marks and tick labels inside.
        """
        share = (value - self.start) / (self.stop - self.start)
        return EDGE + (100 - 2 * EDGE) * min(1.0, max(0.0, share))

    def label(self, tick: float) -> str:
        """A tick's value with as many decimals as the distance between ticks needs."""
        step = self.ticks[1] - self.ticks[0] if len(self.ticks) > 1 else 1.0
        decimals = max(0, -math.floor(math.log10(step) + 1e-9))
        text = f"{tick:,.{decimals}f}"
        return text.replace("-", "−") if float(text.replace(",", "")) else text.replace("-", "")


def make_axis(values: Sequence[float], ticks: int = 4) -> Axis:
    """An axis that holds every finite value of `values`, with about `ticks` round ticks.

    Steps are 1, 2 or 5 times a power of ten. Raises ValueError where no value is finite.
    """
    finite = [v for v in values if math.isfinite(v)]
    if not finite:
        raise ValueError("an axis needs at least one finite value")
    low, high = min(finite), max(finite)
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        room = abs(low) * 0.1 or 1.0
        low, high = low - room, high + room
    raw = (high - low) / ticks
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    places = tuple(round(i * step, 12 - math.floor(math.log10(step))) for i in range(first, last + 1))
    return Axis(places[0], places[-1], places)


def interval_svg(
    value: float, low: float, high: float, axis: Axis, *, overall: float, label: str, mark: str = ""
) -> str:
    """One row: a dot at `value`, a line from `low` to `high`, the `overall` value dashed behind.

    `label` is what a screen reader says; a `mark`, one letter, stands in the dot and says whose it is. Ends
    that are not finite are left out, and so is `overall` where it is NaN.
    """
    bars = [Bar(value, low, high, mark)]
    return intervals_svg(bars, axis, overall=overall, label=label)


def intervals_svg(bars: Sequence[Bar], axis: Axis, *, overall: float, label: str) -> str:
    """Several intervals below each other on one axis, drawn as `interval_svg` draws one."""
    height = ROW_HEIGHT if len(bars) == 1 else BAR_HEIGHT * len(bars) + ROW_HEIGHT - BAR_HEIGHT
    parts = []
    for tick in axis.ticks:
        x = _x(axis, tick)
        parts.append(f'<line class="tick" x1="{x}" x2="{x}" y1="0" y2="{height}"/>')
    if math.isfinite(overall):
        x = _x(axis, overall)
        parts.append(f'<line class="overall" x1="{x}" x2="{x}" y1="0" y2="{height}"/>')
    for place, bar in enumerate(bars):
        parts += _bar(bar, axis, ROW_HEIGHT / 2 + place * BAR_HEIGHT)
    return _svg("".join(parts), height, f'role="img" aria-label="{escape(label, quote=True)}"')


def _bar(bar: Bar, axis: Axis, middle: float) -> Iterator[str]:
    if math.isfinite(bar.low) and math.isfinite(bar.high):
        left, right = _x(axis, bar.low), _x(axis, bar.high)
        yield f'<line class="whisker" x1="{left}" x2="{right}" y1="{middle:g}" y2="{middle:g}"/>'
        for x in (left, right):
            yield f'<line class="whisker" x1="{x}" x2="{x}" y1="{middle - 4:g}" y2="{middle + 4:g}"/>'
    if not math.isfinite(bar.value):
        return
    x = _x(axis, bar.value)
    if not bar.mark:
        yield f'<circle class="dot" cx="{x}" cy="{middle:g}" r="4.5"/>'
        return
    yield f'<circle class="dot marked" cx="{x}" cy="{middle:g}" r="8"/>'
    yield f'<text class="mark" x="{x}" y="{middle + 4:g}" text-anchor="middle">{escape(bar.mark)}</text>'


def axis_svg(axis: Axis) -> str:
    """The tick labels that go above or below a column of rows. Screen readers skip it: rows say values."""
    places = [(_x(axis, tick), axis.label(tick)) for tick in axis.ticks]
    labels = [f'<text x="{x}" y="{AXIS_HEIGHT - 8}" text-anchor="middle">{text}</text>' for x, text in places]
    return _svg("".join(labels), AXIS_HEIGHT, 'aria-hidden="true"')


def _x(axis: Axis, value: float) -> str:
    return f"{axis.percent(value):.2f}%"


def _svg(content: str, height: int, attributes: str) -> str:
    return f'<svg class="plot" width="100%" height="{height}" {attributes}>{content}</svg>'
