"""Human ratings within a report: what `drawbench study analyse` found, from its analysis.json."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drawbench.errors import InputError
from harness.plots import axis_svg, interval_svg, make_axis
from harness.report.numbers import format_change, format_number, format_p, plain_value

ANALYSIS_NAME = "analysis.json"
SCHEMA = 1
SCOPES = {"macro": "All categories alike", "pooled": "All ratings alike"}
"""Scopes of the whole study, as they are called in a table."""
SHARES = ("wins", "ties", "losses", "yes", "somewhat", "no")
SETTINGS = ("seed", "resamples", "gate", "strict", "design_digest", "versions")
LARGEST_FILE = 50_000_000


@dataclass(frozen=True)
class RatedRow:
    """An estimate in points of 100 with its interval; `p` is adjusted where the analysis did so."""

    name: str
    value: str
    interval: str
    p: str
    ratings: int
    raters: int
    plot: str
    whole: bool


@dataclass(frozen=True)
class RatedTable:
    """One question about one model, or one pair of models, by category and as a whole."""

    question: str
    subject: str
    quantity: str
    axis: str
    rows: tuple[RatedRow, ...]
    shares: str
    """Of all ratings alike, how many chose what."""
    method: str


@dataclass(frozen=True)
class Ranked:
    """A model's strength by Davidson's model, with the mean share of wins against the others."""

    model: str
    strength: str
    interval: str
    against_mean: str


@dataclass(frozen=True)
class Ratings:
    """A study: what was asked and found, how far raters agree, what was left out and how it was computed."""

    name: str
    kind: str
    tables: tuple[RatedTable, ...]
    rankings: tuple[tuple[str, str, tuple[Ranked, ...]], ...]
    """(question, method, models from the strongest) where there were more than two models."""
    agreement: tuple[str, ...]
    counts: tuple[tuple[str, int], ...]
    facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def read_ratings(path: Path) -> Ratings:
    """Reads the analysis.json of `drawbench study analyse`, or the one in the folder `path`.

    Raises InputError where there is none, or it is of another schema, malformed or without estimates.
    """
    file = path / ANALYSIS_NAME if path.is_dir() else path
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise InputError(f"--ratings {file} is larger than {LARGEST_FILE // 1_000_000} MB")
        content = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"--ratings {file} cannot be read as JSON: {error}") from None
    if not isinstance(content, dict) or content.get("schema") != SCHEMA or "estimates" not in content:
        raise InputError(
            f"--ratings {file} is not the {ANALYSIS_NAME} of drawbench study analyse, schema {SCHEMA}"
        )
    try:
        ratings = _ratings(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"--ratings {file} is malformed: {error!r}") from None
    if not ratings.tables:
        raise InputError(f"--ratings {file} holds no estimate of {content.get('primary')}")
    return ratings


def _ratings(content: Mapping[str, Any]) -> Ratings:
    found: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for row in content["estimates"]:
        found.setdefault((row["question"], row["model_a"], row["model_b"]), []).append(row)
    adjusted = {
        (d["question"], d["model_a"], d["model_b"], d["scope"], d["category"]): d.get("holm_p")
        for d in content.get("decisions", ())
    }
    tables = []
    for (question, a, b), rows in found.items():
        quantity = content["primary"] if any(r["quantity"] == content["primary"] for r in rows) else "score"
        chosen = [row for row in rows if row["quantity"] == quantity]
        if chosen:
            tables.append(_table(question, a, b, quantity, chosen, rows, adjusted))
    told = [name for name in SETTINGS if name in content]
    return Ratings(
        name=str(content["name"]),
        kind=str(content["kind"]).replace("_", " "),
        tables=tuple(tables),
        rankings=tuple(_rankings(content.get("rankings", ()))),
        agreement=tuple(_agreement(content.get("agreement", ()))),
        counts=tuple((str(why), int(n)) for why, n in content.get("counts", {}).items()),
        facts=tuple((name.replace("_", " "), plain_value(content[name])) for name in told),
        notes=tuple(str(note) for note in content.get("notes", ())),
    )


def _table(
    question: str,
    a: str,
    b: str,
    quantity: str,
    chosen: Sequence[Mapping[str, Any]],
    every: Sequence[Mapping[str, Any]],
    adjusted: Mapping[tuple[str, str, str, str, str], Any],
) -> RatedTable:
    ordered = sorted(chosen, key=lambda row: row["scope"] in SCOPES)
    ends = [
        v
        for row in ordered
        for v in map(_number, (row["value"], row["low"], row["high"]))
        if math.isfinite(v)
    ]
    axis = make_axis([0.0, *ends])
    rows = []
    for row in ordered:
        value, low, high = map(_number, (row["value"], row["low"], row["high"]))
        said = format_change if b else _points
        interval = (
            f"{said(low, low, high)} to {said(high, low, high)}" if math.isfinite(low + high) else "n/a"
        )
        p = adjusted.get((question, a, b, row["scope"], row["category"]))
        rows.append(
            RatedRow(
                name=SCOPES.get(row["scope"], row["category"] or row["scope"]),
                value=said(value, low, high),
                interval=interval,
                p=format_p(_number(row["p"] if p is None else p)),
                ratings=int(row["ratings"]),
                raters=int(row["raters"]),
                plot=interval_svg(
                    value, low, high, axis, overall=0.0 if b else math.nan, label=f"{value:.3g}, {interval}"
                ),
                whole=row["scope"] in SCOPES,
            )
        )
    shares = [
        f"{row['quantity']} {row['value']:.0f}%"
        for name in SHARES
        for row in every
        if row["scope"] == "pooled" and row["quantity"] == name and math.isfinite(_number(row["value"]))
    ]
    whole = next((row for row in ordered if row["scope"] in SCOPES), ordered[0])
    return RatedTable(
        question=question,
        subject=f"{a} against {b}" if b else a,
        quantity={"net": "net preference", "difference": "difference"}.get(quantity, quantity),
        axis=axis_svg(axis),
        rows=tuple(rows),
        shares=", ".join(shares),
        method=str(whole["method"]),
    )


def _rankings(listed: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, tuple[Ranked, ...]]]:
    for ranking in listed:
        models = sorted(ranking["strengths"], key=lambda one: -_number(one["value"]))
        yield (
            str(ranking["question"]),
            str(ranking["method"]),
            tuple(
                Ranked(
                    str(one["model"]),
                    format_number(_number(one["value"])),
                    f"{format_number(_number(one['low']))} to {format_number(_number(one['high']))}",
                    format_number(_number(one["against_mean"])),
                )
                for one in models
            ),
        )


def _agreement(listed: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for row in listed:
        if row["category"]:
            continue
        alpha, low, high = (_number(row[key]) for key in ("alpha", "low", "high"))
        if math.isfinite(alpha):
            interval = f" [{format_number(low)}, {format_number(high)}]" if math.isfinite(low + high) else ""
            yield (
                f"{row['question']}: Krippendorff's alpha {format_number(alpha)}{interval}, "
                f"raw agreement {format_number(_number(row['raw']))}, "
                f"over {row['items']:,} items and {row['raters']:,} raters"
            )
        elif row.get("why"):
            yield f"{row['question']}: {row['why']}"


def _points(value: float, low: float, high: float) -> str:
    """A share in points of 100, which has no sign of its own."""
    return format_change(value, low, high).removeprefix("+")


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else math.nan
