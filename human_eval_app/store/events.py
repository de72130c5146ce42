"""The append-only log: what happened in a study, when, and who did it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, insert, select

from human_eval_app.database.schema import event
from human_eval_app.store.instants import moment
from human_eval_app.store.records import Event

SYSTEM = "system"
TEXT_LIMIT = 2000
"""Characters kept of a free text from outside."""


def append(
    connection: Connection,
    now: int,
    kind: str,
    *,
    by: str,
    target: str,
    target_id: object = "",
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Adds a line to the log."""
    connection.execute(
        insert(event).values(
            at=now,
            kind=kind,
            by=by,
            target=target,
            target_id=str(target_id),
            detail=json.dumps(detail or {}, ensure_ascii=False, sort_keys=True),
        )
    )


def read(connection: Connection) -> Iterator[Event]:
    """All events, oldest first."""
    for row in connection.execute(select(event).order_by(event.c.id)):
        yield Event(
            row.id, moment(row.at), row.kind, row.by, row.target, row.target_id, json.loads(row.detail)
        )


def rater_name(rater_id: int) -> str:
    """Who did something, where it was a rater."""
    return f"rater {rater_id}"


def safe_id(text: str) -> str:
    """An id from outside, as it is kept: letters, digits and a few signs, and no start of a formula."""
    return re.sub(r"[^0-9A-Za-z_.@:-]", "", text).lstrip("-@")[:200]


def clipped(text: str) -> str:
    """Free text from outside as it is kept: no NUL (PostgreSQL has none), not longer than `TEXT_LIMIT`."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()[:TEXT_LIMIT]
