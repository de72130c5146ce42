"""Leaving raters, ratings or items out, and taking them in again.

Nothing is deleted: an exclusion is an event, and so is its reversal; what counts is the last one of each
target. The places of excluded ratings go back to their items' quotas, so that other raters fill them.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, func, select, update

from drawbench.errors import InputError
from human_eval_app.database.schema import EXPIRED, LEASED, event, item, presentation, rater
from human_eval_app.store.events import append, clipped
from human_eval_app.store.leases import UNANSWERED, lock_rater, lock_study, recount
from human_eval_app.store.records import Target
from human_eval_app.studies.design import StudyDesign

KINDS = ("exclude", "include")


def excluded_targets(connection: Connection, target: Target) -> dict[str, str]:
    """What is excluded now of a kind of target: id -> reason."""
    last = (
        select(func.max(event.c.id))
        .where(event.c.target == target, event.c.kind.in_(KINDS))
        .group_by(event.c.target_id)
    )
    rows = connection.execute(
        select(event.c.target_id, event.c.detail).where(event.c.id.in_(last), event.c.kind == "exclude")
    )
    return {row.target_id: json.loads(row.detail).get("reason", "") for row in rows}


def status_of(connection: Connection, rater_id: int, entered_at: int | None) -> str:
    """The status that the log gives a rater: excluded before revoked, revoked before invited or active."""
    if str(rater_id) in excluded_targets(connection, "rater"):
        return "excluded"
    last = connection.execute(
        select(event.c.kind)
        .where(
            event.c.target == "rater",
            event.c.target_id == str(rater_id),
            event.c.kind.in_(("revoke", "reissue")),
        )
        .order_by(event.c.id.desc())
        .limit(1)
    ).scalar()
    if last == "revoke":
        return "revoked"
    return "invited" if entered_at is None else "active"


def set_excluded(
    connection: Connection,
    design: StudyDesign,
    now: int,
    target: Target,
    target_id: str,
    *,
    excluded: bool,
    reason: str,
    by: str,
) -> bool:
    """Excludes or includes a target; returns False, with nothing written, where it already is so.

    `target_id`: a rater's number, a presentation's id (for a rating), an item's id. Raises InputError where
    there is no such target or no reason is given.
    """
    reason = clipped(reason).strip()
    if not reason:
        raise InputError("an exclusion needs a reason; it is part of the record")
    rater_id = _find(connection, design, target, target_id)
    if target == "rater":
        lock_rater(connection, int(target_id))
    lock_study(connection)
    if (target_id in excluded_targets(connection, target)) == excluded:
        return False
    append(
        connection,
        now,
        "exclude" if excluded else "include",
        by=clipped(by),
        target=target,
        target_id=target_id,
        detail={"reason": reason} | ({} if rater_id is None else {"rater": rater_id}),
    )
    if target == "rater":
        _rater_left_out(connection, int(target_id), excluded)
    elif target == "rating":
        _rating_left_out(connection, target_id, excluded)
    else:
        _item_left_out(connection, target_id, excluded)
    return True


def _find(connection: Connection, design: StudyDesign, target: Target, target_id: str) -> int | None:
    if target == "rater":
        known = target_id.isascii() and target_id.isdigit() and len(target_id) < 10
        if known and connection.execute(select(rater.c.id).where(rater.c.id == int(target_id))).first():
            return int(target_id)
        raise InputError(f"there is no rater {target_id!r}")
    if target == "item":
        if target_id not in design.item_by_id:
            raise InputError(f"there is no item {target_id!r}")
        return None
    row = connection.execute(
        select(presentation.c.rater_id).where(presentation.c.id == target_id, presentation.c.revision > 0)
    ).one_or_none()
    if row is None:
        raise InputError(f"there is no rating with the presentation {target_id!r}")
    rater_id: int = row.rater_id
    return rater_id


def _rater_left_out(connection: Connection, rater_id: int, excluded: bool) -> None:
    row: Any = connection.execute(select(rater).where(rater.c.id == rater_id)).one()
    if excluded:
        connection.execute(
            update(presentation)
            .where(presentation.c.rater_id == rater_id, UNANSWERED)
            .values(state=EXPIRED, holds=False)
        )
        held = update(presentation).where(presentation.c.rater_id == rater_id).values(holds=False)
    else:
        alone = list(excluded_targets(connection, "rating"))
        held = (
            update(presentation)
            .where(
                presentation.c.rater_id == rater_id,
                presentation.c.revision > 0,
                presentation.c.id.not_in(alone),
                presentation.c.item_id.in_(select(item.c.id).where(item.c.role == "rating")),
            )
            .values(holds=True)
        )
    connection.execute(held)
    status = status_of(connection, rater_id, row.entered_at)
    connection.execute(update(rater).where(rater.c.id == rater_id).values(status=status))
    touched = connection.execute(
        select(presentation.c.item_id).where(presentation.c.rater_id == rater_id)
    ).scalars()
    recount(connection, set(touched))


def _item_left_out(connection: Connection, item_id: str, excluded: bool) -> None:
    """The item is given to no one any more, neither is the page that lies ready; an open page stays open."""
    connection.execute(update(item).where(item.c.id == item_id).values(excluded=excluded))
    if excluded:
        connection.execute(
            update(presentation)
            .where(presentation.c.item_id == item_id, presentation.c.state == LEASED)
            .values(state=EXPIRED, holds=False)
        )
        recount(connection, {item_id})


def _rating_left_out(connection: Connection, presentation_id: str, excluded: bool) -> None:
    row: Any = connection.execute(
        select(presentation.c.item_id, rater.c.status, item.c.role)
        .join(rater, rater.c.id == presentation.c.rater_id)
        .join(item, item.c.id == presentation.c.item_id)
        .where(presentation.c.id == presentation_id)
    ).one()
    if row.status != "excluded" and row.role == "rating":
        connection.execute(
            update(presentation).where(presentation.c.id == presentation_id).values(holds=not excluded)
        )
        recount(connection, {row.item_id})
