"""Answers: taking them once, going back to them, and leaving a page out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from human_eval_app.database.schema import (
    EXPIRED,
    LEASED,
    RATED,
    SERVED,
    SKIPPED,
    picture_view,
    presentation,
    rater,
    rating,
    study,
)
from human_eval_app.store.events import append, clipped, rater_name
from human_eval_app.store.leases import has_room, lease_end, lock_rater, lock_study, recount
from human_eval_app.store.presenting import Page, answers_of, pages_of, presented
from human_eval_app.store.records import Feedback, Presentation, Refused, Submitted
from human_eval_app.studies.design import Item, StudyDesign
from human_eval_app.studies.questions import canonical, shown

CLIENT_LIMIT_MS = 2**53


def mark_shown(
    connection: Connection,
    design: StudyDesign,
    now: int,
    rater_id: int,
    presentation_id: str,
    ids: Collection[str],
) -> None:
    """Records that pictures of a presentation were delivered; see `RatingStore.mark_shown`."""
    row = connection.execute(
        select(presentation.c.item_id).where(
            presentation.c.id == presentation_id, presentation.c.rater_id == rater_id
        )
    ).one_or_none()
    if row is None or not set(ids) <= set(design.item_by_id[row.item_id].pictures):
        raise Refused("not_yours", "this picture is not one of yours")
    rows = [
        {"presentation_id": presentation_id, "picture_id": picture, "delivered_at": now}
        for picture in sorted(set(ids))
    ]
    if rows:
        into = postgresql if connection.dialect.name == "postgresql" else sqlite
        connection.execute(into.insert(picture_view).on_conflict_do_nothing(), rows)


def submit(
    connection: Connection,
    design: StudyDesign,
    now: int,
    rater_id: int,
    presentation_id: str,
    answers: Mapping[str, str],
    *,
    revision: int,
    shown_ms: int,
    client_ms: int,
) -> Submitted:
    """Writes the answers to all of a page's questions at once; see `RatingStore.submit`."""
    row: Any = lock_rater(connection, rater_id)
    page: Any = connection.execute(
        select(presentation)
        .where(presentation.c.id == presentation_id, presentation.c.rater_id == rater_id)
        .with_for_update(key_share=True)
    ).one_or_none()
    if page is None:
        raise Refused("not_yours", "this page is not one of yours")
    known = design.item_by_id[page.item_id]
    answers = _checked(design, answers)
    if page.revision > 0 and revision == page.revision:
        if answers_of(connection, page.id, page.revision) == answers:
            return Submitted(True, True, _feedback(design, known, page.swapped, answers))
        raise Refused("stale_revision", "another answer to this page is already recorded; use undo first")
    _check_open(connection, row, page)
    if revision != page.revision + 1:
        raise Refused("stale_revision", "this page was opened again elsewhere; reload it")
    holds = _still_held(connection, design, now, page, known)
    dwell = _dwell(connection, design, now, page, known, shown_ms)
    connection.execute(
        insert(rating),
        [
            {
                "presentation_id": page.id,
                "question": question.name,
                "revision": revision,
                "choice_shown": answers[question.name],
                "choice": (choice := canonical(answers[question.name], page.swapped)),
                "value": question.value(choice),
                "expected": known.expected.get(question.name, ""),
                "correct": known.expected[question.name] == choice
                if question.name in known.expected
                else None,
                "design_digest": design.digest,
                "shown_at": now - dwell,
                "submitted_at": now,
                "dwell_ms": dwell,
                "client_ms": min(max(client_ms, 0), CLIENT_LIMIT_MS),
            }
            for question in design.questions
        ],
    )
    connection.execute(
        update(presentation)
        .where(presentation.c.id == page.id)
        .values(state=RATED, revision=revision, holds=holds)
    )
    return Submitted(True, False, _feedback(design, known, page.swapped, answers))


def _checked(design: StudyDesign, answers: Mapping[str, str]) -> dict[str, str]:
    if set(answers) != {question.name for question in design.questions}:
        raise Refused("bad_answer", "every question of the page needs one answer")
    for question in design.questions:
        if answers[question.name] not in question.shown_keys():
            raise Refused("bad_answer", f"this is no answer to the question {question.name!r}")
    return dict(answers)


def _check_open(connection: Connection, row: Any, page: Any) -> None:
    status = connection.execute(select(study.c.status)).scalar_one()
    if status == "closed" or row.status != "active":
        raise Refused("closed", "the study takes no more answers from you")
    if page.state == LEASED:
        raise Refused("not_shown", "this page is not open yet")
    if page.state == RATED:
        raise Refused("stale_revision", "this page is answered; use undo to answer it anew")
    if page.state == SKIPPED:
        raise Refused("expired", "this page was skipped")


def _still_held(connection: Connection, design: StudyDesign, now: int, page: Any, known: Item) -> bool:
    """Whether the page holds its place; a lapsed one takes it again if nobody else has it by now."""
    if page.state != EXPIRED:
        return bool(page.holds)
    lock_study(connection)
    if not has_room(connection, design, page.item_id):
        raise Refused("expired", "this page waited too long and has gone to another rater")
    if known.role != "rating":
        return False
    connection.execute(
        update(presentation)
        .where(presentation.c.id == page.id)
        .values(state=SERVED, holds=True, lease_expires_at=lease_end(design, now))
    )
    recount(connection, [page.item_id])
    return True


def _dwell(
    connection: Connection, design: StudyDesign, now: int, page: Any, known: Item, shown_ms: int
) -> int:
    """How long the page was looked at: the browser's figure, bounded by what the server can vouch for."""
    count, last = connection.execute(
        select(func.count(), func.max(picture_view.c.delivered_at)).where(
            picture_view.c.presentation_id == page.id
        )
    ).one()
    if count < len(set(known.pictures)):
        raise Refused("not_shown", "not every picture of this page has been delivered")
    opened = max(page.opened_at or page.leased_at, last or 0)
    dwell: int = max(0, min(shown_ms, now - opened))
    if dwell < design.min_dwell_ms:
        raise Refused("too_fast", "this answer came before the page could be looked at")
    return dwell


def _feedback(
    design: StudyDesign, known: Item, swapped: bool, answers: Mapping[str, str]
) -> dict[str, Feedback] | None:
    if known.role != "practice":
        return None
    return {
        name: Feedback(canonical(answers[name], swapped) == key, shown(key, swapped))
        for name, key in known.expected.items()
    }


def undo(
    connection: Connection, design: StudyDesign, now: int, rater_id: int, open_id: str | None
) -> Presentation:
    """Opens the page answered before the open one; see `RatingStore.undo`."""
    row: Any = lock_rater(connection, rater_id)
    status = lock_study(connection)
    if status == "closed" or row.status != "active":
        raise Refused("closed", "the study takes no more answers from you")
    pages = pages_of(connection, design, rater_id)
    current = next((page for page in pages if page.state == SERVED), None)
    if open_id is not None and current is not None and current.id != open_id:
        return presented(connection, design, row, pages, current)  # asked again: already gone back
    practising = row.practised_at is None and any(page.role == "practice" for page in pages)
    earlier = [
        page
        for page in pages
        if page.state == RATED
        and (page.role == "practice") == practising
        and (current is None or not current.answered or page.position < current.position)
    ]
    if not earlier:
        raise Refused("nothing_to_undo", "there is nothing to go back to")
    back = earlier[-1]
    if current is not None:
        state = RATED if current.answered else LEASED
        connection.execute(update(presentation).where(presentation.c.id == current.id).values(state=state))
    connection.execute(
        update(presentation).where(presentation.c.id == back.id).values(state=SERVED, opened_at=now)
    )
    connection.execute(update(rater).where(rater.c.id == rater_id).values(finished_at=None))
    append(
        connection,
        now,
        "undo",
        by=rater_name(rater_id),
        target="rating",
        target_id=back.id,
        detail={"revision": back.revision},
    )
    return presented(connection, design, row, pages, back)


def skip(
    connection: Connection, design: StudyDesign, now: int, rater_id: int, presentation_id: str, reason: str
) -> None:
    """Leaves the open page out; see `RatingStore.skip`."""
    row: Any = lock_rater(connection, rater_id)
    status = lock_study(connection)
    page = _page(connection, design, rater_id, presentation_id)
    if page.state == SKIPPED:
        return
    if status == "closed" or row.status != "active":
        raise Refused("closed", "the study takes no more answers from you")
    if page.state != SERVED:
        raise Refused("not_shown", "only the open page can be skipped")
    values: dict[str, Any] = {"state": RATED} if page.answered else {"state": SKIPPED, "holds": False}
    connection.execute(update(presentation).where(presentation.c.id == page.id).values(**values))
    if not page.answered:
        recount(connection, [page.item_id])
    append(
        connection,
        now,
        "skip",
        by=rater_name(rater_id),
        target="rating",
        target_id=page.id,
        detail={"reason": clipped(reason), "kept": page.answered},
    )


def flag(
    connection: Connection,
    design: StudyDesign,
    now: int,
    rater_id: int,
    presentation_id: str,
    picture_id: str | None,
    reason: str,
) -> None:
    """Reports a picture or a whole page; see `RatingStore.flag`."""
    lock_rater(connection, rater_id)
    page = _page(connection, design, rater_id, presentation_id)
    if picture_id is not None and picture_id not in design.item_by_id[page.item_id].pictures:
        raise Refused("not_yours", "this picture is not on this page")
    append(
        connection,
        now,
        "flag",
        by=rater_name(rater_id),
        target="rating",
        target_id=page.id,
        detail={"picture": picture_id, "reason": clipped(reason), "item": page.item_id},
    )


def _page(connection: Connection, design: StudyDesign, rater_id: int, presentation_id: str) -> Page:
    for page in pages_of(connection, design, rater_id):
        if page.id == presentation_id:
            return page
    raise Refused("not_yours", "this page is not one of yours")
