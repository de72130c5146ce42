"""A figure of `drawbench pareto` within a report: its drawing, and its points as a table."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drawbench.errors import InputError
from harness.report.numbers import format_number, plain_value

DRAWINGS = {".svg": "image/svg+xml", ".png": "image/png"}
MAX_DRAWING = 3_000_000
MAX_ROWS = 200


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
    points = content.get("points") if isinstance(content, dict) else None
    if not isinstance(points, list) or not points or not all(isinstance(p, Mapping) for p in points):
        raise InputError(f"--pareto {path} has no points: give the JSON file that drawbench pareto wrote")
    columns = tuple(dict.fromkeys(name for point in points for name, value in point.items() if _scalar(value)))
    rows = tuple(tuple(_cell(point.get(name)) for name in columns) for point in points[:MAX_ROWS])
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


def _scalar(value: Any) -> bool:
    return value is not None and not isinstance(value, (dict, list))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return format_number(value)
    return plain_value(value)
