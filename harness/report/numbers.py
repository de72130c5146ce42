"""Numbers and plain values as pages, tables and comments write them."""

from __future__ import annotations

import json
import math


def format_number(value: float | None) -> str:
    """A score's value with 4 significant figures and no exponent in the usual range; "n/a" for none."""
    if value is None or not math.isfinite(value):
        return "n/a"
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    text = f"{value:.3e}" if not -5 <= magnitude < 9 else f"{value:,.{max(0, 3 - magnitude)}f}"
    return text.replace("-", "−")


def format_short(value: float, largest: float) -> str:
    """A picture's own value, with the decimals that `largest`, its metric's greatest size, calls for."""
    return f"{value:,.{short_decimals(largest)}f}".replace("-", "−")


def short_decimals(largest: float) -> int:
    """How many decimals a metric's values per picture are shown with, `largest` being its greatest size."""
    return 3 if largest < 1 else 2 if largest < 100 else 1


def format_change(value: float, low: float, high: float) -> str:
    """A difference with its sign, and decimals that give half its interval two significant digits."""
    if not math.isfinite(value):
        return "n/a"
    half = (high - low) / 2
    if not half > 0:
        return f"{value:+.4g}".replace("-", "−") if value else "0"
    decimals = min(6, max(0, 1 - math.floor(math.log10(half))))
    rounded = round(value, decimals)
    text = f"{rounded:+,.{decimals}f}" if rounded else f"{0:.{decimals}f}"
    return text.replace("-", "−")


def format_p(value: float) -> str:
    """A p value with two figures."""
    if not math.isfinite(value):
        return "n/a"
    return "< 0.0001" if value < 0.0001 else f"{value:.2g}"


def plain_value(value: object) -> str:
    """A manifest's value as text: strings as they are, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
