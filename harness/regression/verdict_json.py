"""The verdict for machines: one JSON object with a schema number."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from harness.regression.verdict import SCHEMA, Verdict


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """Every field of the verdict, its exit status and its schema; what cannot be said is null.

    `rows` are in the order of the verdict; each has the row's outcome and reason with its evidence's fields.
    """
    entry = asdict(verdict)
    rows = []
    for row in entry.pop("rows"):
        evidence = row.pop("evidence")
        adjusted = {"p_worse_holm": row.pop("p_worse"), "p_better_holm": row.pop("p_better")}
        rows.append({**evidence, **adjusted, **row})
    found: dict[str, Any] = _plain(
        {
            "schema": SCHEMA,
            "kind": "drawbench-verdict",
            "outcome": entry.pop("outcome"),
            "exit_status": verdict.exit_status,
            **entry,
            "rows": rows,
        }
    )
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
