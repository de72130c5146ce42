"""Raters' links: inviting, entering, going on elsewhere, and taking access away."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, exists, func, insert, select, update

from drawbench.errors import InputError
from human_eval_app.database.schema import item, presentation, rater, session, token
from human_eval_app.store.assignment import CellNeed, choose_cell
from human_eval_app.store.events import append, clipped, rater_name, safe_id
from human_eval_app.store.exclusions import status_of
from human_eval_app.store.instants import maybe_moment, milliseconds
from human_eval_app.store.leases import UNANSWERED, lock_rater, lock_study, reap
from human_eval_app.store.raters import load_for
from human_eval_app.store.records import Invite, TokenRefused
from human_eval_app.studies.design import StudyDesign
from human_eval_app.studies.tokens import new_code, new_token, token_hash

CONTINUE_MS = 3_600_000
"""How long a link to another device is good for."""
AGENT_LIMIT = 200
MOST_AT_ONCE = 10_000


def invite(
    connection: Connection,
    design: StudyDesign,
    now: int,
    count: int,
    *,
    cell: str | None,
    expires_at: datetime | None,
    label: str | None,
    open_places: int | None,
    by: str,
) -> list[Invite]:
    """Makes `count` links; see `RatingStore.invite`."""
    if not 1 <= count <= MOST_AT_ONCE:
        raise InputError(f"the number of links must be 1 to {MOST_AT_ONCE}, not {count}")
    if open_places is not None and open_places < 1:
        raise InputError(f"an open link needs at least 1 place, not {open_places}")
    if cell is not None and cell not in design.cells:
        raise InputError(f"{cell!r} is no cell of the study; there are {', '.join(design.cells)}")
    expires = None if expires_at is None else milliseconds(expires_at)
    if expires is not None and expires <= now:
        raise InputError("the links would have expired already; give a later time")
    lock_study(connection)
    first = (connection.execute(select(func.max(rater.c.id))).scalar() or 0) + 1
    tokens = [new_token() for _ in range(count)]
    numbers: list[int | None]
    if open_places is None:
        numbers = list(range(first, first + count))
        connection.execute(
            insert(rater),
            [
                {
                    "id": number,
                    "cell": cell,
                    "label": clipped(label or ""),
                    "status": "invited",
                    "code": new_code(),
                    "invited_at": now,
                }
                for number in numbers
            ],
        )
    else:
        numbers = [None] * count
    connection.execute(
        insert(token),
        [
            {
                "hash": token_hash(secret, "invite"),
                "kind": "invite" if open_places is None else "open",
                "rater_id": number,
                "cell": cell,
                "label": clipped(label or ""),
                "places": open_places or 1,
                "created_at": now,
                "expires_at": expires,
            }
            for secret, number in zip(tokens, numbers, strict=True)
        ],
    )
    detail = {"count": count, "cell": cell, "label": label or "", "open_places": open_places}
    if open_places is None:
        detail["first"] = first
    append(connection, now, "invite", by=by, target="study", detail=detail)
    return [
        Invite(secret, number, cell, maybe_moment(expires), open_places or 1)
        for secret, number in zip(tokens, numbers, strict=True)
    ]


def exchange(
    connection: Connection,
    design: StudyDesign,
    now: int,
    secret: str,
    *,
    external_id: str | None,
    agent: str,
    credential: str | None = None,
) -> str:
    """Uses a link once and returns a session credential; see `RatingStore.exchange`."""
    hashed = token_hash(secret, "invite")
    owner = connection.execute(select(token.c.rater_id).where(token.c.hash == hashed)).one_or_none()
    if owner is None:
        raise TokenRefused("unknown")
    known = None if owner.rater_id is None else lock_rater(connection, owner.rater_id)
    status = lock_study(connection)
    row: Any = connection.execute(
        select(token).where(token.c.hash == hashed).with_for_update(key_share=True)
    ).one()
    if row.revoked_at is not None or (known is not None and known.status == "revoked"):
        raise TokenRefused("revoked")
    if row.used >= row.places:
        raise TokenRefused("used")
    if row.expires_at is not None and row.expires_at <= now:
        raise TokenRefused("expired")
    if status == "closed":
        raise TokenRefused("closed")
    external = safe_id(external_id or "") or None
    if known is None:
        number = _new_rater(connection, now, row, external)
        cell, entered = row.cell, None
    else:
        number, cell, entered = known.id, known.cell, known.entered_at
        if external and known.external_id is None:
            _refuse_known(connection, external)
            connection.execute(update(rater).where(rater.c.id == number).values(external_id=external))
    if entered is None:
        reap(connection, now)
        needs = cell_needs(connection, design, now)
        if cell is not None:
            needs = [need for need in needs if need.cell == cell]
        chosen = choose_cell(needs, seed=design.seed, rater=number, may_wait=known is not None)
        if chosen is None:
            raise TokenRefused("full")
        connection.execute(
            update(rater)
            .where(rater.c.id == number)
            .values(cell=chosen, entered_at=now, status=status_of(connection, number, now))
        )
    connection.execute(update(token).where(token.c.hash == hashed).values(used=row.used + 1))
    credential = credential or new_token()
    if connection.execute(
        select(exists().where(session.c.hash == token_hash(credential, "session")))
    ).scalar():
        raise TokenRefused("used")
    connection.execute(
        insert(session).values(
            hash=token_hash(credential, "session"),
            rater_id=number,
            agent=clipped(agent)[:AGENT_LIMIT],
            created_at=now,
        )
    )
    append(
        connection,
        now,
        "enter" if entered is None else "enter_again",
        by=rater_name(number),
        target="rater",
        target_id=number,
        detail={"link": row.kind},
    )
    return credential


def _new_rater(connection: Connection, now: int, link: Any, external: str | None) -> int:
    if external:
        _refuse_known(connection, external)
    number: int = (connection.execute(select(func.max(rater.c.id))).scalar() or 0) + 1
    connection.execute(
        insert(rater).values(
            id=number,
            cell=link.cell,
            label=link.label,
            external_id=external,
            status="active",
            code=new_code(),
            invited_at=now,
        )
    )
    return number


def _refuse_known(connection: Connection, external: str) -> None:
    # Whoever knows another's id at a recruiting site must not become that rater.
    if connection.execute(select(rater.c.id).where(rater.c.external_id == external)).first():
        raise TokenRefused("used")


def cell_needs(connection: Connection, design: StudyDesign, now: int) -> list[CellNeed]:
    """Open places of each cell, and those that raters on their way are expected to fill.

    A rater who did nothing for four leases is not waited for.
    """
    free = case((item.c.taken < design.quota, design.quota - item.c.taken), else_=0)
    rows = connection.execute(
        select(item.c.cell, func.count().label("items"), func.sum(free).label("open"))
        .where(item.c.role == "rating", item.c.excluded.is_(False))
        .group_by(item.c.cell)
    )
    counts = {row.cell: (row.items * design.quota, int(row.open)) for row in rows}
    pending = dict.fromkeys(design.cells, 0)
    given = func.coalesce(func.sum(case((presentation.c.holds, 1), else_=0)), 0)
    on_their_way = (
        select(rater.c.id, rater.c.cell, given.label("given"))
        .select_from(rater.outerjoin(presentation, presentation.c.rater_id == rater.c.id))
        .where(
            rater.c.cell.is_not(None),
            rater.c.finished_at.is_(None),
            rater.c.status.in_(["active", "invited"]),
        )
        .group_by(rater.c.id, rater.c.cell)
        .having(
            func.coalesce(
                func.max(presentation.c.leased_at), func.max(rater.c.entered_at), func.max(rater.c.invited_at)
            )
            > now - 4 * design.lease_seconds * 1000
        )
    )
    for row in connection.execute(on_their_way):
        if row.cell in pending:
            pending[row.cell] += max(0, load_for(design, row.cell).total - int(row.given))
    out = (
        select(item.c.cell, func.count())
        .select_from(presentation.join(item))
        .where(UNANSWERED, presentation.c.holds)
        .group_by(item.c.cell)
    )
    live: dict[str, int] = {row[0]: row[1] for row in connection.execute(out)}
    return [
        CellNeed(cell, *counts.get(cell, (1, 0)), pending[cell], live.get(cell, 0)) for cell in design.cells
    ]


def rater_id_of(connection: Connection, credential: str) -> int | None:
    """Whose session this is, or None where the credential is unknown, ended or revoked."""
    return connection.execute(
        select(session.c.rater_id)
        .join(rater, rater.c.id == session.c.rater_id)
        .where(
            session.c.hash == token_hash(credential, "session"),
            session.c.revoked_at.is_(None),
            rater.c.status != "revoked",
        )
    ).scalar()


def continue_token(connection: Connection, now: int, rater_id: int) -> str:
    """A link for one use on another device; an unused earlier one ends."""
    row: Any = lock_rater(connection, rater_id)
    if row.status == "revoked":
        raise TokenRefused("revoked")
    _end_links(connection, now, rater_id, only="continue")
    return _new_link(connection, now, rater_id, "continue", now + CONTINUE_MS).token


def reissue(connection: Connection, now: int, rater_id: int, by: str) -> Invite:
    """A new link for a rater; all earlier links and sessions of theirs end."""
    row: Any = lock_rater(connection, rater_id)
    _end_links(connection, now, rater_id)
    _end_sessions(connection, now, rater_id)
    made = _new_link(connection, now, rater_id, "invite", None)
    append(connection, now, "reissue", by=by, target="rater", target_id=rater_id)
    _note_status(connection, rater_id, row.entered_at)
    return Invite(made.token, rater_id, row.cell, None)


def revoke(connection: Connection, now: int, rater_id: int, by: str) -> None:
    """Ends all links and sessions of a rater. Their ratings stay (see exclusions)."""
    row: Any = lock_rater(connection, rater_id)
    _end_links(connection, now, rater_id)
    _end_sessions(connection, now, rater_id)
    append(connection, now, "revoke", by=by, target="rater", target_id=rater_id)
    _note_status(connection, rater_id, row.entered_at)


def _note_status(connection: Connection, rater_id: int, entered_at: int | None) -> None:
    status = status_of(connection, rater_id, entered_at)
    connection.execute(update(rater).where(rater.c.id == rater_id).values(status=status))


def _new_link(connection: Connection, now: int, rater_id: int, kind: str, expires: int | None) -> Invite:
    secret = new_token()
    connection.execute(
        insert(token).values(
            hash=token_hash(secret, "invite"),
            kind=kind,
            rater_id=rater_id,
            places=1,
            created_at=now,
            expires_at=expires,
        )
    )
    return Invite(secret, rater_id, None, maybe_moment(expires))


def _end_links(connection: Connection, now: int, rater_id: int, only: str | None = None) -> None:
    connection.execute(
        update(token)
        .where(
            token.c.rater_id == rater_id,
            token.c.revoked_at.is_(None),
            token.c.used < token.c.places,
            *([] if only is None else [token.c.kind == only]),
        )
        .values(revoked_at=now)
    )


def _end_sessions(connection: Connection, now: int, rater_id: int) -> None:
    connection.execute(
        update(session)
        .where(session.c.rater_id == rater_id, session.c.revoked_at.is_(None))
        .values(revoked_at=now)
    )
