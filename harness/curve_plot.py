"""The N-bias curve of a Fréchet distance drawn as inline SVG, in the manner of `harness.plots`.

Along the width is 1/N, so that the fitted line is straight and ends at infinitely many pictures on the left.
Colours come from the page; subsets' means are dots, the fit a line, the limit a dot with its interval.
"""

from __future__ import annotations

import math
from html import escape

from harness.metrics.fid_infinity import BiasCurve
from harness.plots import Axis, make_axis

HEIGHT = 220
_TOP, _BOTTOM = 12.0, 192.0


def bias_curve_svg(curve: BiasCurve, label: str) -> str:
    """Distances over 1/N, the line through them, and the limit with its interval where there is one.

    `label` is what a screen reader says.
    """
    inverse = [1 / count for count in curve.counts]
    across = Axis(0.0, max(inverse), (0.0, *sorted(inverse)))
    limits = [end for end in (curve.interval.low, curve.interval.high) if math.isfinite(end)]
    up = make_axis([*curve.values, curve.infinity, *limits])

    def y(value: float) -> str:
        return f"{_BOTTOM - (_BOTTOM - _TOP) * (value - up.start) / (up.stop - up.start):.2f}"

    def x(value: float) -> str:
        return f"{across.percent(value):.2f}%"

    parts = []
    for tick in up.ticks:
        parts.append(f'<line class="tick" x1="0%" x2="100%" y1="{y(tick)}" y2="{y(tick)}"/>')
        parts.append(f'<text x="0" y="{float(y(tick)) - 3:.2f}">{up.label(tick)}</text>')
    end = curve.infinity + curve.slope * max(inverse)
    parts.append(
        f'<line class="overall" x1="{x(0)}" x2="{x(max(inverse))}" y1="{y(curve.infinity)}" y2="{y(end)}"/>'
    )
    if len(limits) == 2:
        low, high = limits
        parts.append(f'<line class="whisker" x1="{x(0)}" x2="{x(0)}" y1="{y(low)}" y2="{y(high)}"/>')
    marks = [(0.0, curve.infinity, "N → ∞")]
    marks += [
        (place, value, f"{count:,.0f}")
        for place, value, count in zip(inverse, curve.values, curve.counts, strict=True)
    ]
    for place, value, text in marks:
        parts.append(f'<circle class="dot" cx="{x(place)}" cy="{y(value)}" r="4.5"/>')
        parts.append(f'<text x="{x(place)}" y="{HEIGHT - 8}" text-anchor="middle">{text}</text>')
    attributes = f'role="img" aria-label="{escape(label, quote=True)}"'
    return f'<svg class="plot" width="100%" height="{HEIGHT}" {attributes}>{"".join(parts)}</svg>'
