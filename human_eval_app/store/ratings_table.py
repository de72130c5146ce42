"""The ratings as rows and as a data frame: one row an answered question, as the data dictionary says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from human_eval_app.database.schema import event, presentation, rater, rating
from human_eval_app.store.data_dictionary import RATINGS, Column
from human_eval_app.store.exclusions import excluded_targets
from human_eval_app.store.instants import iso
from human_eval_app.studies.design import StudyDesign

if TYPE_CHECKING:
    import pandas as pd

_DTYPES = {"text": "str", "time": "str", "integer": "int64", "number": "float64", "boolean": "bool"}


def ratings_rows(
    connection: Connection, design: StudyDesign, *, revisions: bool = False
) -> list[dict[str, Any]]:
    """Rows by rater, position, question (in the order asked) and revision.

    The last revision of each answer, or with `revisions` all.
    """
    flagged = set(connection.execute(select(event.c.target_id).where(event.c.kind == "flag")).scalars())
    excluded = {
        "rater": excluded_targets(connection, "rater"),
        "rating": excluded_targets(connection, "rating"),
        "item": excluded_targets(connection, "item"),
    }
    p, r = presentation.c, rating.c
    rows = select(
        p.rater_id, rater.c.cell, p.id.label("presentation"), p.item_id, p.position, p.swapped, p.served_at,
        r.question, r.revision, r.choice_shown, r.choice, r.value, r.expected, r.correct, r.design_digest,
        r.shown_at, r.submitted_at, r.dwell_ms, r.client_ms,
    ).select_from(rating.join(presentation).join(rater))  # fmt: skip
    if not revisions:
        rows = rows.where(r.revision == p.revision)
    asked = {question.name: number for number, question in enumerate(design.questions)}
    found = sorted(
        connection.execute(rows).all(),
        key=lambda row: (row.rater_id, row.position, asked.get(row.question, len(asked)), row.revision),
    )
    return [_row(design, row, flagged, excluded) for row in found]


def frame_of(rows: Iterable[Mapping[str, Any]], columns: tuple[Column, ...] = RATINGS) -> pd.DataFrame:
    """A data frame of rows: text and times as str, the rest as int64, float64, bool; "boolean" with gaps."""
    import pandas as pd

    listed = list(rows)
    return pd.DataFrame(
        {
            column.name: pd.Series(
                [row[column.name] for row in listed],
                dtype=pd.api.types.pandas_dtype("boolean" if column.empty else _DTYPES[column.type]),
            )
            for column in columns
        }
    )


def _row(
    design: StudyDesign, row: Any, flagged: set[str], excluded: dict[str, dict[str, str]]
) -> dict[str, Any]:
    known = design.item_by_id[row.item_id]
    targets = {"rater": str(row.rater_id), "rating": row.presentation, "item": row.item_id}
    reasons = [
        f"{target}: {excluded[target][target_id]}"
        for target, target_id in targets.items()
        if target_id in excluded[target]
    ]
    return {
        "study": design.name,
        "design_digest": row.design_digest,
        "kind": design.kind,
        "role": known.role,
        "item": known.id,
        "prompt_id": known.prompt_id,
        "caption": known.caption,
        "category": known.category,
        "question": row.question,
        "model_a": known.models[0],
        "model_b": known.models[1] if len(known.models) > 1 else "",
        "rater": row.rater_id,
        "cell": row.cell or "",
        "presentation": row.presentation,
        "position": row.position,
        "swapped": row.swapped,
        "choice_shown": row.choice_shown,
        "choice": row.choice,
        "value": row.value,
        "expected": row.expected,
        "correct": row.correct,
        "revision": row.revision,
        "served_at": iso(row.served_at),
        "shown_at": iso(row.shown_at),
        "submitted_at": iso(row.submitted_at),
        "dwell_ms": row.dwell_ms,
        "client_ms": row.client_ms,
        "flagged": row.presentation in flagged,
        "excluded": bool(reasons),
        "excluded_reason": "; ".join(reasons),
    }
