"""Human ratings within a report: the estimates of a study's analysis.json, with what stands beside them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from drawbench.errors import InputError
from harness.plots import axis_svg, interval_svg, make_axis
from harness.report.numbers import format_number, plain_value

ANALYSIS_NAME = "analysis.json"
_ESTIMATE = ("value", "low", "high")
MAX_ROWS = 300


@dataclass(frozen=True)
class RatingRow:
    """A line of a table; `plot` is an SVG, "" where the line has no estimate."""

    cells: tuple[str, ...]
    plot: str


@dataclass(frozen=True)
class RatingTable:
    """A list of the analysis; those with estimates have an `axis`."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[RatingRow, ...]
    axis: str


@dataclass(frozen=True)
class Ratings:
    """A study's name, its facts as (name, value), its tables, those with estimates first, and its notes."""

    title: str
    facts: tuple[tuple[str, str], ...]
    tables: tuple[RatingTable, ...]
    notes: tuple[str, ...]


def read_ratings(path: Path) -> Ratings:
    """Reads the analysis.json of `drawbench study analyse`, or the one in the folder `path`.

    Raises InputError where there is none or it holds no table.
    """
    file = path / ANALYSIS_NAME if path.is_dir() else path
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"--ratings {file} cannot be read as JSON: {error}") from None
    if not isinstance(content, dict):
        raise InputError(f"--ratings {file} is not the {ANALYSIS_NAME} of drawbench study analyse")
    tables = [_table(name, rows) for name, rows in _lists(content)]
    if not tables:
        raise InputError(f"--ratings {file} holds no estimates; run drawbench study analyse first")
    return Ratings(
        str(content.get("title") or content.get("study") or content.get("name") or "Human ratings"),
        tuple(_facts(content)),
        tuple(sorted(tables, key=lambda table: not table.axis)),
        tuple(str(note) for note in content.get("notes", ()) if isinstance(note, str)),
    )


def _lists(content: Mapping[str, Any], name: str = "") -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """Every list of objects, however deep, by its name."""
    for key, value in content.items():
        title = f"{name} {key}".strip().replace("_", " ")
        if isinstance(value, list) and value and all(isinstance(row, Mapping) for row in value):
            yield title, value
        elif isinstance(value, Mapping):
            yield from _lists(value, title)


def _facts(content: Mapping[str, Any], name: str = "") -> Iterator[tuple[str, str]]:
    for key, value in content.items():
        title = f"{name} {key}".strip().replace("_", " ")
        if isinstance(value, Mapping):
            yield from _facts(value, title)
        elif value not in (None, "") and not isinstance(value, list):
            yield title, _cell(value)


def _table(name: str, listed: Sequence[Mapping[str, Any]]) -> RatingTable:
    columns = [key for key in dict.fromkeys(key for row in listed for key in row) if _flat(listed, key)]
    estimates = all(key in columns for key in _ESTIMATE)
    shown = [key for key in columns if not (estimates and key in ("low", "high"))]
    ends = [v for row in listed for key in _ESTIMATE if estimates and _finite(v := row.get(key))]
    axis = make_axis(ends) if ends else None
    rows = []
    for row in listed[:MAX_ROWS]:
        cells = [_estimate(row) if estimates and key == "value" else _cell(row.get(key)) for key in shown]
        plot = ""
        if axis is not None and _finite(row.get("value")):
            low, value, high = (
                float(v) if _finite(v := row.get(k)) else math.nan for k in ("low", "value", "high")
            )
            inside = axis.start <= 0 <= axis.stop
            plot = interval_svg(
                value, low, high, axis, overall=0.0 if inside else math.nan, label=_estimate(row)
            )
        rows.append(RatingRow(tuple(cells), plot))
    titles = [
        "value [95% interval]" if estimates and key == "value" else key.replace("_", " ") for key in shown
    ]
    return RatingTable(name, tuple(titles), tuple(rows), axis_svg(axis) if axis is not None else "")


def _estimate(row: Mapping[str, Any]) -> str:
    low, high = row.get("low"), row.get("high")
    return f"{_cell(row.get('value'))} [{_cell(low)} to {_cell(high)}]"


def _flat(rows: Sequence[Mapping[str, Any]], key: str) -> bool:
    return not any(isinstance(row.get(key), (dict, list)) for row in rows)


def _finite(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return format_number(value) if isinstance(value, float) else plain_value(value)
