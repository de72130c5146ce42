"""Scores over time as inline SVG, in the manner of `harness.plots`: dots with intervals, a line a series."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape

from harness.plots import EDGE, make_axis

HEIGHT = 210
_TOP, _BOTTOM = 14.0, 178.0
DASHES = ("", "6 4", "2 3", "10 3 2 3", "1 4")


@dataclass(frozen=True)
class Moment:
    """A score at a time. Runs of one `series` are joined; `commit` is what they were made from."""

    when: datetime
    value: float
    low: float
    high: float
    series: str
    commit: str


def history_svg(moments: Sequence[Moment], label: str) -> str:
    """Dots with 95% intervals over time; series differ by their line's dashes. `label` is spoken.

    Each dot has a title with its series, commit and value. Raises ValueError without moments.
    """
    ordered = sorted(moments, key=lambda moment: moment.when)
    first, last = ordered[0].when, ordered[-1].when
    span = (last - first) / timedelta(seconds=1)
    up = make_axis([v for m in ordered for v in (m.low, m.value, m.high)], ticks=3)

    def x(when: datetime) -> float:
        share = ((when - first) / timedelta(seconds=1)) / span if span else 0.5
        return EDGE + 3 + (100 - 2 * EDGE - 6) * share

    def y(value: float) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * (value - up.start) / (up.stop - up.start)

    parts = []
    for tick in up.ticks:
        parts.append(f'<line class="tick" x1="0%" x2="100%" y1="{y(tick):.2f}" y2="{y(tick):.2f}"/>')
        parts.append(f'<text x="0" y="{y(tick) - 3:.2f}">{up.label(tick)}</text>')
    series: dict[str, list[Moment]] = {}
    for moment in ordered:
        series.setdefault(moment.series, []).append(moment)
    for number, line in enumerate(series.values()):
        dashes = DASHES[number % len(DASHES)]
        style = f' stroke-dasharray="{dashes}"' if dashes else ""
        for a, b in itertools.pairwise(line):
            parts.append(
                f'<line class="series" x1="{x(a.when):.2f}%" x2="{x(b.when):.2f}%" y1="{y(a.value):.2f}" '
                f'y2="{y(b.value):.2f}"{style}/>'
            )
    for moment in ordered:
        at = f"{x(moment.when):.2f}%"
        if math.isfinite(moment.low) and math.isfinite(moment.high):
            ends = f'y1="{y(moment.low):.2f}" y2="{y(moment.high):.2f}"'
            parts.append(f'<line class="whisker" x1="{at}" x2="{at}" {ends}/>')
        title = f"{moment.series}: {moment.value:.4g} on {moment.when:%Y-%m-%d %H:%M}"
        title += f", commit {moment.commit}" if moment.commit else ""
        dot = f'<circle class="dot" cx="{at}" cy="{y(moment.value):.2f}" r="4.5">'
        parts.append(f"{dot}<title>{escape(title)}</title></circle>")
    for moment, anchor in ((ordered[0], "start"), (ordered[-1], "end")):
        when = f"{moment.when:%Y-%m-%d}" if span > 172_800 else f"{moment.when:%Y-%m-%d %H:%M}"
        place = "2%" if anchor == "start" else "100%"
        commit = f" ({escape(moment.commit)})" if moment.commit else ""
        parts.append(f'<text x="{place}" y="{HEIGHT - 8}" text-anchor="{anchor}">{when}{commit}</text>')
    attributes = f'role="img" aria-label="{escape(label, quote=True)}"'
    return f'<svg class="plot" width="100%" height="{HEIGHT}" {attributes}>{"".join(parts)}</svg>'
