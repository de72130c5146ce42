"""Scores as files: JSON objects for the summary, and one table row per sample and metric."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from drawbench.errors import InputError
from harness.atomic import write_atomic
from harness.score import SampleScore, ScoreResult
from harness.types import Score

SCORES_FILE = "scores.parquet"
_NUMBERS = ("value", "low", "high")


def score_to_dict(score: Score) -> dict[str, Any]:
    """A JSON object with every field; an interval's end that cannot be said (NaN) becomes null."""
    entry = asdict(score)
    for name in _NUMBERS:
        if not math.isfinite(entry[name]):
            entry[name] = None
    if score.if_failed is not None:
        entry["if_failed"] = list(score.if_failed)
    return entry


def score_from_dict(entry: Mapping[str, Any]) -> Score:
    """The Score of an object made by `score_to_dict`; fields of later versions are left aside.

    Raises InputError where a field is missing or of the wrong kind.
    """
    try:
        known = {f.name: entry[f.name] for f in fields(Score) if f.name in entry}
        for name in _NUMBERS:
            known[name] = math.nan if known[name] is None else float(known[name])
        if known.get("if_failed") is not None:
            worst, best = known["if_failed"]
            known["if_failed"] = (float(worst), float(best))
        if known["direction"] not in {"higher", "lower"}:
            raise ValueError(f"direction {known['direction']!r}")
        return Score(**known)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"not a score of this version: {error}") from None


def write_scores(result: ScoreResult, run_dir: Path) -> Path:
    """Writes `scores.parquet` into the run folder, whole or not at all, and returns its path.

    One row per sample and per-image metric, in the bench's order; `value` is null for a failed sample.
    Raises OSError.
    """
    import pandas as pd

    names = [f.name for f in fields(SampleScore)]
    table = pd.DataFrame([[getattr(row, name) for name in names] for row in result.per_sample], columns=names)
    table = table.astype({"index": "int64", "value": "float64"})
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    path = run_dir / SCORES_FILE
    write_atomic(path, buffer.getvalue())
    return path
