"""Numbers and plain values as pages, tables and comments write them."""

from __future__ import annotations

import json
import math

from harness.rounding import p_text, rounded
from harness.types import Score


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
    return rounded(value, low, high, "+", ",").replace("-", "−")


def format_p(value: float) -> str:
    """A p value with two figures."""
    return p_text(value).replace("<", "< ")


def score_in_words(score: Score) -> str:
    """A score and its interval, for whoever hears a plot rather than sees it."""
    interval = f"95% interval {format_number(score.low)} to {format_number(score.high)}"
    return f"{format_number(score.value)}, {interval}"


def plain_value(value: object) -> str:
    """A manifest's value as text: strings as they are, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
