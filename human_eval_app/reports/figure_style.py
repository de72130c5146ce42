"""One look for the figures of a study: readable in black and white and at the width of a paper's column."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 200
COLUMN = 3.5
PAGE = 7.2
STYLE: dict[Any, Any] = {
    "font.size": 8,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "axes.titlesize": 8.5,
    "axes.labelsize": 8,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "hatch.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "svg.hashsalt": "drawbench",
    "svg.fonttype": "path",
}


def drawn(width: float, height: float, draw: Callable[[Figure], None]) -> Figure:
    """A figure of this size in inches, after `draw` has drawn on it in this style."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure)
    return figure


def png_of(figure: Figure) -> bytes:
    """PNG bytes without date or version; equal figures give equal bytes."""
    return _saved(figure, "png", {"Software": None})


def svg_of(figure: Figure) -> bytes:
    """SVG bytes without date or version; equal figures give equal bytes."""
    return _saved(figure, "svg", {"Date": None, "Creator": None})


def _saved(figure: Figure, form: str, about: dict[str, str | None]) -> bytes:
    import matplotlib as mpl

    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format=form, dpi=DPI, metadata=about)
    return buffer.getvalue()
