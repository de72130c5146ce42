"""A row's gain with its interval as inline SVG, all rows on one axis whose unit is each row's own margin."""

from __future__ import annotations

import math
from html import escape

from harness.regression.verdict import RowVerdict
from harness.regression.wording import interval, rounded

REACH = 4.0
HEIGHT = 26
_EDGE = 4.0
_TICKS = tuple(range(-4, 5))


def gain_svg(row: RowVerdict) -> str:
    """A dot at the gain and a line over its interval, in margins from -4 to 4; "" where there is no interval.

    The margin is a dashed line, 0 a full one. What reaches beyond the axis ends in an arrow.
    """
    one = row.evidence
    if not (math.isfinite(one.low) and math.isfinite(one.high)) or one.margin <= 0:
        return ""
    low, middle, high = (value / one.margin for value in (one.low, one.gain, one.high))
    half = HEIGHT / 2
    parts = [f'<rect class="loss" x="0" y="0" width="{_x(-1)}" height="{HEIGHT}"/>']
    parts += [_line(tick, "tick") for tick in _TICKS if tick not in (-1, 0)]
    parts += [_line(-1, "margin"), _line(0, "zero")]
    left, right = (_x(min(max(end, -REACH), REACH)) for end in (low, high))
    parts.append(f'<line class="whisker" x1="{left}" x2="{right}" y1="{half:g}" y2="{half:g}"/>')
    if low < -REACH:
        parts.append(_arrow(-REACH, "◂"))
    elif low <= REACH:
        parts.append(_mark(left))
    if high > REACH:
        parts.append(_arrow(REACH, "▸"))
    elif high >= -REACH:
        parts.append(_mark(right))
    if abs(middle) <= REACH:
        parts.append(f'<circle class="dot" cx="{_x(middle)}" cy="{half:g}" r="4.5"/>')
    label = f"gain {rounded(one.gain, one, '+')}, 95% interval {interval(one)}, margin {one.margin:g}"
    return (
        f'<svg class="plot" width="100%" height="{HEIGHT}" role="img" '
        f'aria-label="{escape(label, quote=True)}">{"".join(parts)}</svg>'
    )


def gain_axis_svg() -> str:
    """The labels over a column of such rows."""
    named = {-3: "−3", -1: "−1", 0: "0", 1: "+1", 3: "+3"}
    texts = "".join(
        f'<text x="{_x(tick)}" y="14" text-anchor="middle">{name}</text>' for tick, name in named.items()
    )
    return f'<svg class="plot" width="100%" height="20" aria-hidden="true">{texts}</svg>'


def _x(value: float) -> str:
    return f"{_EDGE + (100 - 2 * _EDGE) * (value + REACH) / (2 * REACH):.2f}%"


def _mark(place: str) -> str:
    half = HEIGHT / 2
    return f'<line class="whisker" x1="{place}" x2="{place}" y1="{half - 4:g}" y2="{half + 4:g}"/>'


def _arrow(value: float, sign: str) -> str:
    return f'<text class="beyond" x="{_x(value)}" y="{HEIGHT / 2 + 4:g}" text-anchor="middle">{sign}</text>'


def _line(value: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{_x(value)}" x2="{_x(value)}" y1="0" y2="{HEIGHT}"/>'
