"""Places of items' quotas: taken by a lease, kept by a rating, given back when a lease lapses or a page is
skipped.

Whoever changes who holds a place locks the study's row first (`lock_study`), so that changes come one after
another on PostgreSQL as they do on SQLite. The order of locks is rater, study, the rest.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, and_, bindparam, func, select, update
from sqlalchemy.engine import Row

from human_eval_app.database.schema import EXPIRED, LEASED, SERVED, item, presentation, rater, study
from human_eval_app.store.events import SYSTEM, append
from human_eval_app.store.records import Refused
from human_eval_app.studies.design import StudyDesign

REAPED_AT_ONCE = 500

UNANSWERED = and_(presentation.c.state.in_([LEASED, SERVED]), presentation.c.revision == 0)
"""Pages that are out with a rater and have no answer yet: the live leases."""


def lock_rater(connection: Connection, rater_id: int) -> Row[tuple[object, ...]]:
    """The rater's row, locked until the transaction ends. Raises Refused for one that is not there."""
    row = connection.execute(
        select(rater).where(rater.c.id == rater_id).with_for_update(key_share=True)
    ).one_or_none()
    if row is None:
        raise Refused("not_yours", "there is no such rater")
    return row


def lock_study(connection: Connection) -> str:
    """Locks the study until the transaction ends, and returns its status."""
    status: str = connection.execute(
        select(study.c.status).where(study.c.id == 1).with_for_update(key_share=True)
    ).scalar_one()
    return status


def recount(connection: Connection, item_ids: Collection[str]) -> None:
    """Counts anew the places in use of these items. The study must be locked."""
    if not item_ids:
        return
    held = and_(presentation.c.item_id == item.c.id, presentation.c.holds)
    connection.execute(
        update(item)
        .where(item.c.id.in_(bindparam("ids", expanding=True)))
        .values(
            taken=select(func.count()).select_from(presentation).where(held).scalar_subquery(),
            taken_swapped=(
                select(func.count())
                .select_from(presentation)
                .where(and_(held, presentation.c.swapped))
                .scalar_subquery()
            ),
        ),
        {"ids": sorted(item_ids)},
    )


def reap(connection: Connection, now: int, *, but_for: int | None = None) -> int:
    """Ends the leases that have lapsed, except those of rater `but_for`; returns how many.

    The study must be locked. A page being answered at this moment is locked by that answer, and left alone.
    """
    lapsed = connection.execute(
        select(presentation.c.id, presentation.c.item_id, presentation.c.rater_id)
        .where(
            UNANSWERED,
            presentation.c.holds,
            presentation.c.lease_expires_at <= now,
            presentation.c.rater_id != (but_for if but_for is not None else 0),
        )
        .limit(REAPED_AT_ONCE)
        .with_for_update(skip_locked=True, key_share=True)
    ).all()
    if not lapsed:
        return 0
    connection.execute(
        update(presentation)
        .where(presentation.c.id.in_([row.id for row in lapsed]))
        .values(state=EXPIRED, holds=False)
    )
    for row in lapsed:
        append(
            connection,
            now,
            "lease_expired",
            by=SYSTEM,
            target="rating",
            target_id=row.id,
            detail={"rater": row.rater_id},
        )
    recount(connection, {row.item_id for row in lapsed})
    return len(lapsed)


def has_room(connection: Connection, design: StudyDesign, item_id: str) -> bool:
    """Whether the item may be given: it is not excluded, and its quota has a free place (control and practice
    items have no quota).
    """
    row = connection.execute(
        select(item.c.role, item.c.taken, item.c.excluded).where(item.c.id == item_id)
    ).one()
    return not row.excluded and (row.role != "rating" or row.taken < design.quota)


def lease_end(design: StudyDesign, now: int) -> int:
    """When a lease made now lapses."""
    return now + design.lease_seconds * 1000
