"""A figure of `drawbench pareto` within a report: its drawing, and its points as a table."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drawbench.errors import InputError
from harness.report.numbers import format_number, plain_value

DRAWINGS = {".svg": "image/svg+xml", ".png": "image/png"}
MAX_DRAWING = 3_000_000
MAX_ROWS = 200
AXES = ("alignment", "quality")
MARKS = ("on front", "knee")


@dataclass(frozen=True)
class ParetoFigure:
    """The drawing as a data URI, and the points as text: `columns` and `rows` of as many cells."""

    drawing: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def read_pareto(path: Path) -> ParetoFigure:
    """Reads FILE.json of `drawbench pareto` with FILE.svg, or FILE.png, beside it.

    Raises InputError where either is not there or not what it should be.
    """
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"--pareto {path} cannot be read as JSON: {error}") from None
    try:
        rows = tuple(_rows(content)) if isinstance(content, dict) else ()
        columns = (
            ("curve", content["along"], *(content[axis]["metric"] for axis in AXES), *MARKS) if rows else ()
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"--pareto {path} is not a file of drawbench pareto: {error!r}") from None
    if not rows:
        raise InputError(f"--pareto {path} has no points: give the JSON file that drawbench pareto wrote")
    return ParetoFigure(_drawing(path), tuple(map(str, columns)), rows[:MAX_ROWS])


def _drawing(path: Path) -> str:
    for suffix, kind in DRAWINGS.items():
        drawing = path.with_suffix(suffix)
        if drawing.is_file():
            data = drawing.read_bytes()
            if len(data) > MAX_DRAWING:
                raise InputError(f"{drawing} is larger than {MAX_DRAWING // 1_000_000} MB")
            return f"data:{kind};base64," + base64.b64encode(data).decode("ascii")
    raise InputError(f"--pareto {path}: {path.with_suffix('.svg').name} does not lie beside it")


def _rows(content: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Each point as text: its curve, its setting, both measures, and the marks that it has."""
    for curve in content.get("curves", ()):
        for point in curve["points"]:
            marks = ("yes" if point.get(mark.replace(" ", "_")) else "" for mark in MARKS)
            yield (
                str(curve["label"]),
                _setting(point["at"]),
                *(_estimate(point.get(axis)) for axis in AXES),
                *marks,
            )


def _estimate(measured: Mapping[str, Any] | None) -> str:
    if measured is None or measured["value"] is None:
        return "n/a"
    value, low, high = (format_number(measured[end]) for end in ("value", "low", "high"))
    return f"{value} [{low} to {high}], n = {measured['n']:,}"


def _setting(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else plain_value(value)
