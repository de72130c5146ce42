"""Raters on their way: consent, practice, breaks, their load, and what is known of each."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Integer, and_, case, cast, func, or_, select, update

from human_eval_app.database.schema import RATED, SKIPPED, event, item, presentation, rater, rating
from human_eval_app.store.assignment import Load, load_of
from human_eval_app.store.events import append, rater_name
from human_eval_app.store.exclusions import excluded_targets
from human_eval_app.store.instants import maybe_moment, moment
from human_eval_app.store.leases import lock_rater
from human_eval_app.store.records import Rater, RaterStatus
from human_eval_app.studies.design import Item, StudyDesign

_LOADS: dict[tuple[str, str | None], Load] = {}


def load_for(design: StudyDesign, cell: str | None) -> Load:
    """What a rater of a cell is to do (counted once for each design and cell)."""
    key = (design.digest, cell)
    if key not in _LOADS:
        _LOADS[key] = load_of(
            len(design.items_of("rating", cell)),
            len(design.items_of("control")),
            items_per_rater=design.items_per_rater,
            control_every=design.control_every,
        )
    return _LOADS[key]


def practice_items(connection: Connection, design: StudyDesign) -> tuple[Item, ...]:
    """The practice items that are given to raters: those not excluded, in the design's order."""
    known = design.items_of("practice")
    if not known:
        return ()
    out = set(
        connection.execute(select(item.c.id).where(item.c.role == "practice", item.c.excluded)).scalars()
    )
    return tuple(one for one in known if one.id not in out)


def consent(connection: Connection, design: StudyDesign, now: int, rater_id: int) -> None:
    """Records, once, that the rater agreed to the design's consent text."""
    row: Any = lock_rater(connection, rater_id)
    if row.consented_at is None:
        connection.execute(update(rater).where(rater.c.id == rater_id).values(consented_at=now))
        append(
            connection,
            now,
            "consent",
            by=rater_name(rater_id),
            target="rater",
            target_id=rater_id,
            detail={"design": design.digest},
        )


def finish_practice(connection: Connection, design: StudyDesign, now: int, rater_id: int) -> None:
    """Moves a rater on from practice, once every practice item that is not excluded has been answered
    or skipped.
    """
    row: Any = lock_rater(connection, rater_id)
    done = connection.execute(
        select(presentation.c.item_id)
        .select_from(presentation.join(item))
        .where(
            presentation.c.rater_id == rater_id,
            item.c.role == "practice",
            or_(presentation.c.state.in_([RATED, SKIPPED]), presentation.c.revision > 0),
        )
    ).scalars()
    left = {known.id for known in practice_items(connection, design)} - set(done)
    if row.practised_at is None and not left:
        connection.execute(update(rater).where(rater.c.id == rater_id).values(practised_at=now))
        append(connection, now, "practised", by=rater_name(rater_id), target="rater", target_id=rater_id)


def finish_break(connection: Connection, design: StudyDesign, now: int, rater_id: int) -> None:
    """Moves a rater on from a break."""
    row: Any = lock_rater(connection, rater_id)
    due = done_pages(connection, rater_id) // design.break_every if design.break_every else 0
    if due > row.breaks:
        connection.execute(update(rater).where(rater.c.id == rater_id).values(breaks=due))
        append(connection, now, "break_over", by=rater_name(rater_id), target="rater", target_id=rater_id)


def done_pages(connection: Connection, rater_id: int) -> int:
    """Rating and control pages that the rater has answered."""
    count: int = connection.execute(
        select(func.count())
        .select_from(presentation.join(item))
        .where(presentation.c.rater_id == rater_id, item.c.role != "practice", presentation.c.revision > 0)
    ).scalar_one()
    return count


def raters(connection: Connection, design: StudyDesign, only: int | None = None) -> list[Rater]:
    """All raters by number, or the one."""
    mine = [] if only is None else [presentation.c.rater_id == only]
    pages: dict[int, dict[str, int]] = {}
    for row in connection.execute(
        select(
            presentation.c.rater_id,
            func.sum(case((and_(item.c.role != "practice", presentation.c.revision > 0), 1), else_=0)).label(
                "done"
            ),
            func.sum(case((presentation.c.state == SKIPPED, 1), else_=0)).label("skipped"),
        )
        .select_from(presentation.join(item))
        .where(*mine)
        .group_by(presentation.c.rater_id)
    ):
        pages[row.rater_id] = {"done": int(row.done), "skipped": int(row.skipped)}
    by_page = (
        select(presentation.c.rater_id, func.min(cast(rating.c.correct, Integer)).label("right"))
        .select_from(presentation.join(item).join(rating))
        .where(
            item.c.role == "control",
            rating.c.revision == presentation.c.revision,
            rating.c.correct.is_not(None),
            item.c.excluded.is_(False),
            presentation.c.id.not_in(list(excluded_targets(connection, "rating"))),
            *mine,
        )
        .group_by(presentation.c.rater_id, presentation.c.id)
        .subquery()
    )
    controls: dict[int, tuple[int, int]] = {}
    for row in connection.execute(
        select(by_page.c.rater_id, func.sum(by_page.c.right), func.count()).group_by(by_page.c.rater_id)
    ):
        controls[row[0]] = (int(row[1]), int(row[2]))
    flag_of = [event.c.kind == "flag"]
    if only is not None:
        flag_of.append(event.c.by == rater_name(only))
    flagged = connection.execute(select(event.c.by, func.count()).where(*flag_of).group_by(event.c.by))
    flags: dict[str, int] = {row[0]: row[1] for row in flagged}
    reasons = excluded_targets(connection, "rater")
    rows = select(rater).order_by(rater.c.id)
    if only is not None:
        rows = rows.where(rater.c.id == only)
    found: list[Rater] = []
    for row in connection.execute(rows):
        done = pages.get(row.id, {}).get("done", 0)
        finished = row.finished_at is not None
        total = load_for(design, row.cell).total if row.cell is not None or design.nesting == "free" else 0
        status: RaterStatus = "finished" if finished and row.status == "active" else row.status
        right, seen = controls.get(row.id, (0, 0))
        found.append(
            Rater(
                id=row.id,
                cell=row.cell,
                status=status,
                completion_code=(design.completion_code or row.code) if finished else None,
                done=done,
                total=total,
                controls_right=right,
                controls_seen=seen,
                skipped=pages.get(row.id, {}).get("skipped", 0),
                flagged=flags.get(rater_name(row.id), 0),
                label=row.label,
                external_id=row.external_id,
                invited_at=moment(row.invited_at),
                entered_at=maybe_moment(row.entered_at),
                consented_at=maybe_moment(row.consented_at),
                finished_at=maybe_moment(row.finished_at),
                excluded_reason=reasons.get(str(row.id), ""),
            )
        )
    return found
