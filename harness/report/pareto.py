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
LONGEST = 80


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
    points = _points(content) if isinstance(content, Mapping) else []
    if not points:
        raise InputError(f"--pareto {path} has no points: give the JSON file that drawbench pareto wrote")
    columns = tuple(dict.fromkeys(name for point in points for name in point))
    rows = tuple(tuple(point.get(name, "") for name in columns) for point in points[:MAX_ROWS])
    return ParetoFigure(_drawing(path), columns, rows)


def _drawing(path: Path) -> str:
    for suffix, kind in DRAWINGS.items():
        drawing = path.with_suffix(suffix)
        if drawing.is_file():
            data = drawing.read_bytes()
            if len(data) > MAX_DRAWING:
                raise InputError(f"{drawing} is larger than {MAX_DRAWING // 1_000_000} MB")
            return f"data:{kind};base64," + base64.b64encode(data).decode("ascii")
    raise InputError(f"--pareto {path}: {path.with_suffix('.svg').name} does not lie beside it")


def _points(content: Mapping[str, Any]) -> list[dict[str, str]]:
    """Each point's values as text; those of several curves begin with their curve's label."""
    found: list[dict[str, str]] = []
    for curve in content.get("curves") or [content]:
        listed = curve.get("points") if isinstance(curve, Mapping) else None
        for point in listed if isinstance(listed, list) else []:
            if isinstance(point, Mapping):
                label = curve.get("label")
                found.append({**({"curve": str(label)} if label is not None else {}), **dict(_flat(point))})
    return found


def _flat(point: Mapping[str, Any], name: str = "") -> Iterator[tuple[str, str]]:
    """A point's numbers and words; an estimate stands as one cell, what is long or a list is left out."""
    for key, value in point.items():
        title = f"{name} {key}".strip().replace("_", " ")
        if isinstance(value, Mapping):
            if {"value", "low", "high"} <= value.keys():
                low, high = _cell(value["low"]), _cell(value["high"])
                yield title, f"{_cell(value['value'])} [{low} to {high}]"
            else:
                yield from _flat(value, title)
        elif isinstance(value, (bool, int, float)) or (isinstance(value, str) and len(value) <= LONGEST):
            yield title, _cell(value)


def _cell(value: Any) -> str:
    if isinstance(value, float) or value is None:
        return format_number(value)
    return plain_value(value)
