"""What `drawbench explain-fid` shows and writes: a table, CSV, JSON and a figure."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.atomic import write_atomic
from harness.explain_fid import FACTORS, Conditions, Explanation
from harness.picture_folders import shown
from harness.score import seven_digits

_SAME = "·"


def rows(explanation: Explanation) -> list[dict[str, Any]]:
    """Every number with its conditions, the base first. `change` is its difference from the base."""
    base = explanation.base[1].value
    return [
        asdict(conditions)
        | {
            "reference": shown(conditions.reference),
            "metric": score.metric,
            "value": score.value,
            "low": score.low if math.isfinite(score.low) else None,
            "high": score.high if math.isfinite(score.high) else None,
            "change": seven_digits(score.value - base),
            "identity": score.identity,
        }
        for conditions, score in explanation.cells
    ]


def headline(explanation: Explanation) -> str:
    """One line: which factor moves the number most, and how far each of the others does."""
    effects = explanation.effects()
    base = explanation.base[1].value
    told = [
        f"{factor} {shown(str(getattr(cell, factor)))} {change:+.4g}"
        + (f" ({change / base:+.1%})" if base else "")
        for factor, cell, change in effects
    ]
    if not told:
        return "no factor was varied"
    return f"moves it most: {told[0]}" + (f"; then {', '.join(told[1:])}" if told[1:] else "")


def as_json(explanation: Explanation) -> dict[str, Any]:
    """All of it as a JSON object."""
    listed = rows(explanation)
    return {
        "base": listed[0],
        "cells": listed,
        "moves_most": headline(explanation),
        "full": explanation.full,
        "notes": list(explanation.notes),
    }


def print_explanation(explanation: Explanation) -> None:
    """The matrix as a table, the base first; below it only what differs from the base is written out."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    base, score = explanation.base
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for factor in FACTORS:
        table.add_column(factor, no_wrap=factor != "reference")
    for column in (score.metric, "95% interval", "change"):
        table.add_column(column, justify="right", no_wrap=True)
    for number, (row, (conditions, _)) in enumerate(zip(rows(explanation), explanation.cells, strict=True)):
        named = [
            shown(str(getattr(conditions, factor)))
            if number == 0 or _differs(factor, conditions, base)
            else _SAME
            for factor in FACTORS
        ]
        ends = [f"{row[end]:.5g}" if row[end] is not None else "n/a" for end in ("low", "high")]
        change = f"{row['change']:+.4g}" if number else ""
        table.add_row(*named, f"{row['value']:.6g}", " to ".join(ends), change)
    Console(width=None if sys.stdout.isatty() else 140, markup=False).print(table)
    print(headline(explanation))
    print(score.identity)
    for note in explanation.notes:
        print(f"note: {note}")


def write_explanation(explanation: Explanation, folder: Path) -> list[Path]:
    """Writes explain-fid.json, .csv and .png into `folder`; returns their paths. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    table = io.StringIO(newline="")
    listed = rows(explanation)
    writer = csv.DictWriter(table, list(listed[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(listed)
    made = {
        "json": json.dumps(as_json(explanation), indent=2, ensure_ascii=False).encode() + b"\n",
        "csv": table.getvalue().encode(),
        "png": figure(explanation),
    }
    for suffix, data in made.items():
        write_atomic(folder / f"explain-fid.{suffix}", data)
    return [folder / f"explain-fid.{suffix}" for suffix in made]


def figure(explanation: Explanation) -> bytes:
    """A PNG: each number as a dot with its interval, by factor, the base as a dashed line."""
    from matplotlib.figure import Figure

    base, score = explanation.base
    groups = {factor: alone(explanation, factor) for factor in FACTORS}
    lines = [(f"{factor}: {label}", one) for factor, cells in groups.items() for label, one in cells]
    lines += [
        (" ".join(str(getattr(c, f)) for f in FACTORS if _differs(f, c, base)), one)
        for c, one in explanation.cells[1:]
        if sum(_differs(factor, c, base) for factor in FACTORS) > 1
    ]
    lines.insert(0, ("base", score))
    drawing = Figure(figsize=(7, 1.2 + 0.26 * len(lines)), layout="constrained")
    axes = drawing.subplots()
    for place, (_, one) in enumerate(lines):
        if math.isfinite(one.low) and math.isfinite(one.high):
            axes.plot([one.low, one.high], [place, place], color="0.6", linewidth=1.5, zorder=1)
        axes.plot([one.value], [place], "o", color="C0", markersize=5, zorder=2)
    axes.axvline(score.value, color="0.3", linestyle="--", linewidth=0.8, zorder=0)
    axes.set_yticks(range(len(lines)), [label for label, _ in lines], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel(
        f"{score.metric}, dots with 95% intervals; dashed: the base ({base.n} pictures)", fontsize=8
    )
    drawn = io.BytesIO()
    drawing.savefig(drawn, format="png", dpi=120, metadata={"Software": None})
    return drawn.getvalue()


def alone(explanation: Explanation, factor: str) -> list[tuple[str, Any]]:
    """(level, score) of the cells that differ from the base in this factor alone, in the matrix's order."""
    base = explanation.base[0]
    return [
        (shown(str(getattr(conditions, factor))), score)
        for conditions, score in explanation.cells[1:]
        if [f for f in FACTORS if _differs(f, conditions, base)] == [factor]
    ]


def _differs(factor: str, conditions: Conditions, base: Conditions) -> bool:
    return bool(getattr(conditions, factor) != getattr(base, factor))
