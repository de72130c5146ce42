"""Numbers as tables write them where an interval says how many of their digits mean anything."""

from __future__ import annotations

import math

MOST_DECIMALS = 6


def rounded(value: float, low: float, high: float, sign: str = "", grouping: str = "") -> str:
    """The value with as many decimals as give half its interval two significant digits; "n/a" for none.

    `sign` "+" shows the sign of what is above 0 too; `grouping` "," parts thousands.
    """
    if not math.isfinite(value):
        return "n/a"
    half = (high - low) / 2
    if not half > 0:
        return f"{value:{sign}.4g}" if value else "0"
    decimals = min(MOST_DECIMALS, max(0, 1 - math.floor(math.log10(half))))
    near = round(value, decimals)
    return f"{near:{sign}{grouping}.{decimals}f}" if near else f"{0:.{decimals}f}"


def p_text(value: float) -> str:
    """A p value with two digits, "<0.0001" below that, "n/a" for none."""
    if not math.isfinite(value):
        return "n/a"
    return "<0.0001" if value < 0.0001 else f"{value:.2g}"
