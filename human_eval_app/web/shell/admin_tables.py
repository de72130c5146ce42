"""Tables of the administrators' pages as plain markup: for screen readers, print, light and dark."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import streamlit as st


class Markup(str):
    """Text that is markup already and is not escaped again."""


@dataclass(frozen=True, slots=True)
class Scale:
    """From `least` to `most`, with a line at `middle`."""

    least: float
    most: float
    middle: float


def table(head: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """A table; numbers stand right. `empty` is said where there are no rows."""
    known = list(rows)
    if not known:
        st.html(f'<p class="soft">{html.escape(empty)}</p>')
        return
    drawn = (
        "<tr>"
        + "".join(_cell(value, "th" if column == 0 else "td") for column, value in enumerate(row))
        + "</tr>"
        for row in known
    )
    numeric = [isinstance(value, (int, float)) for value in known[0]]
    titles = "".join(
        f'<th scope="col"{" class=number" if is_number else ""}>{html.escape(title)}</th>'
        for title, is_number in zip(head, numeric, strict=True)
    )
    body = "".join(drawn)
    st.html(f'<div class="wide"><table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>')


def figures(values: Sequence[tuple[str, str]]) -> None:
    """A row of large figures, each with what it is."""
    boxes = "".join(
        f"<div><dd>{html.escape(value)}</dd><dt>{html.escape(name)}</dt></div>" for name, value in values
    )
    st.html(f'<dl class="figures">{boxes}</dl>')


def bar(done: float, total: float) -> Markup:
    """A bar of done out of total; the numbers stand beside it."""
    share = 0.0 if total <= 0 else min(1.0, done / total)
    return Markup(
        f'<span class="bar" aria-hidden="true"><span style="width:{100 * share:.1f}%"></span></span>'
    )


def interval_bar(value: float, low: float, high: float, scale: Scale) -> Markup:
    """A value with its interval on a scale; nothing where one of them is not a number."""
    if any(math.isnan(at) for at in (value, low, high)):
        return Markup("")

    def place(at: float) -> float:
        return 100 * min(1.0, max(0.0, (at - scale.least) / (scale.most - scale.least)))

    return Markup(
        f'<span class="whisker" aria-hidden="true"><i style="left:{place(scale.middle):.2f}%"></i>'
        f'<b style="left:{place(low):.2f}%;width:{max(0.5, place(high) - place(low)):.2f}%"></b>'
        f'<em style="left:{place(value):.2f}%"></em></span>'
    )


def time(at: datetime | None) -> str:
    """A time in UTC to the minute, "" for none."""
    return "" if at is None else at.strftime("%Y-%m-%d %H:%M")


def percent(right: int, seen: int) -> str:
    """Such as "83% (5/6)", "" for none."""
    return "" if not seen else f"{100 * right / seen:.0f}% ({right}/{seen})"


def _cell(value: object, tag: str) -> str:
    scope = ' scope="row"' if tag == "th" else ""
    if isinstance(value, Markup):
        return f"<{tag}{scope}>{value}</{tag}>"
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    shown = f"{value:,}" if isinstance(value, int) and number else "" if value is None else str(value)
    return f"<{tag}{scope}{' class=number' if number else ''}>{html.escape(shown)}</{tag}>"
