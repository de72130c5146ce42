"""A row's gain with its interval as inline SVG, all rows on one axis whose unit is each row's own margin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from harness.regression.verdict import RowVerdict
from harness.regression.wording import interval, rounded

HEIGHT = 26
_EDGE = 4.0
_LEAST, _MOST = 4, 16
_CROWDED = 8


def reach_of(rows: Sequence[RowVerdict]) -> int:
    """How many margins the axis reaches to both sides, so that most rows' gains are on it: 4 to 16, even."""
    gains = [abs(row.evidence.gain) / row.evidence.margin for row in rows if row.evidence.margin > 0]
    wanted = 1.2 * max((gain for gain in gains if math.isfinite(gain)), default=0.0)
    return int(min(_MOST, max(_LEAST, 2 * math.ceil(wanted / 2))))


def gain_svg(row: RowVerdict, reach: int) -> str:
    """A dot at the gain and a line over its interval, in margins, `reach` to both sides; "" without interval.

    The margin is a dashed line, 0 a full one. What reaches beyond the axis ends in an arrow.
    """
    one = row.evidence
    if not (math.isfinite(one.low) and math.isfinite(one.high)) or one.margin <= 0:
        return ""
    low, middle, high = (value / one.margin for value in (one.low, one.gain, one.high))
    half = HEIGHT / 2
    x = _Scale(reach)
    parts = [f'<rect class="loss" x="0" y="0" width="{x(-1)}" height="{HEIGHT}"/>']
    parts += [
        _line(x(tick), "tick") for tick in range(-reach, reach + 1, 1 + reach // 6) if tick not in (-1, 0)
    ]
    parts += [_line(x(-1), "margin"), _line(x(0), "zero")]
    left, right = (x(min(max(end, -reach), reach)) for end in (low, high))
    parts.append(f'<line class="whisker" x1="{left}" x2="{right}" y1="{half:g}" y2="{half:g}"/>')
    if low < -reach:
        parts.append(_arrow(x(-reach), "◂"))
    elif low <= reach:
        parts.append(_mark(left))
    if high > reach:
        parts.append(_arrow(x(reach), "▸"))
    elif high >= -reach:
        parts.append(_mark(right))
    if abs(middle) <= reach:
        parts.append(f'<circle class="dot" cx="{x(middle)}" cy="{half:g}" r="4.5"/>')
    label = f"gain {rounded(one.gain, one, '+')}, 95% interval {interval(one)}, margin {one.margin:g}"
    return (
        f'<svg class="plot" width="100%" height="{HEIGHT}" role="img" '
        f'aria-label="{escape(label, quote=True)}">{"".join(parts)}</svg>'
    )


def gain_axis_svg(reach: int) -> str:
    """The labels over a column of such rows."""
    x = _Scale(reach)
    named = [(-reach, f"−{reach}", "start"), (0, "0", "middle"), (reach, f"+{reach}", "end")]
    if reach <= _CROWDED:
        named.append((-1, "−1", "middle"))
    texts = "".join(
        f'<text x="{x(tick)}" y="14" text-anchor="{anchor}">{name}</text>' for tick, name, anchor in named
    )
    return f'<svg class="plot" width="100%" height="20" aria-hidden="true">{texts}</svg>'


@dataclass(frozen=True)
class _Scale:
    """Where a value stands, in percent of the drawing's width."""

    reach: int

    def __call__(self, value: float) -> str:
        return f"{_EDGE + (100 - 2 * _EDGE) * (value + self.reach) / (2 * self.reach):.2f}%"


def _mark(place: str) -> str:
    half = HEIGHT / 2
    return f'<line class="whisker" x1="{place}" x2="{place}" y1="{half - 4:g}" y2="{half + 4:g}"/>'


def _arrow(place: str, sign: str) -> str:
    return f'<text class="beyond" x="{place}" y="{HEIGHT / 2 + 4:g}" text-anchor="middle">{sign}</text>'


def _line(place: str, kind: str) -> str:
    return f'<line class="{kind}" x1="{place}" x2="{place}" y1="0" y2="{HEIGHT}"/>'
