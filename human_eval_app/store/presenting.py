"""Putting items before raters: what is open stays open, and the one after it is leased for preloading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, exists, insert, select, update

from human_eval_app.database.schema import (
    EXPIRED,
    LEASED,
    RATED,
    SERVED,
    SKIPPED,
    item,
    presentation,
    rater,
    rating,
    study,
)
from human_eval_app.store.assignment import (
    Candidate,
    Load,
    choose_item,
    choose_swapped,
    next_role,
    separation,
)
from human_eval_app.store.events import append, rater_name
from human_eval_app.store.instants import maybe_moment, moment
from human_eval_app.store.leases import UNANSWERED, has_room, lease_end, lock_rater, lock_study, reap, recount
from human_eval_app.store.raters import load_for, practice_items
from human_eval_app.store.records import Phase, Presentation, Stage
from human_eval_app.studies.design import Item, Role, StudyDesign
from human_eval_app.studies.tokens import new_id

OVER = (RATED, SKIPPED)


@dataclass(frozen=True, slots=True)
class Page:
    """A row of `presentation` with its item's role."""

    id: str
    item_id: str
    role: Role
    prompt_id: str
    position: int
    swapped: bool
    state: str
    revision: int
    lease_expires_at: int
    served_at: int | None

    @property
    def answered(self) -> bool:
        """Whether the rater has answered it (it may be open again)."""
        return self.revision > 0

    @property
    def fresh(self) -> bool:
        """Whether it is given and waits for its first answer."""
        return self.revision == 0 and self.state in (LEASED, SERVED)


def pages_of(connection: Connection, design: StudyDesign, rater_id: int) -> list[Page]:
    """All pages of a rater, in order."""
    c = presentation.c
    rows = connection.execute(
        select(c.id, c.item_id, c.position, c.swapped, c.state, c.revision, c.lease_expires_at, c.served_at)
        .where(c.rater_id == rater_id)
        .order_by(c.position)
    )
    found: list[Page] = []
    for row in rows:
        known = design.item_by_id[row.item_id]
        found.append(
            Page(
                row.id,
                row.item_id,
                known.role,
                known.prompt_id,
                row.position,
                row.swapped,
                row.state,
                row.revision,
                row.lease_expires_at,
                row.served_at,
            )
        )
    return found


def serve(
    connection: Connection, design: StudyDesign, now: int, rater_id: int
) -> tuple[Presentation | Phase, Presentation | None]:
    """The open page, or opens the next; and the page after it, leased. See `RatingStore.serve_two`."""
    row: Any = lock_rater(connection, rater_id)
    status = lock_study(connection)
    if phase := _shut(row, status):
        return phase, None
    reap(connection, now, but_for=rater_id)
    pages = pages_of(connection, design, rater_id)
    server = _Server(connection, design, now, row, pages)
    current = server.open_page()
    if isinstance(current, str):
        return current, None
    following = server.following(current)
    return (
        presented(connection, design, row, server.pages, current),
        None if following is None else presented(connection, design, row, server.pages, following),
    )


def stage(connection: Connection, design: StudyDesign, rater_id: int) -> Stage:
    """Where a rater is, without giving anything out; "rating" may yet turn out to be "waiting"."""
    row: Any = connection.execute(select(rater).where(rater.c.id == rater_id)).one()
    status = connection.execute(select(study.c.status)).scalar_one()
    if phase := _shut(row, status):
        return phase
    pages = pages_of(connection, design, rater_id)
    if row.practised_at is None:
        given = {page.item_id: page.state for page in pages if page.role == "practice"}
        to_do = [known for known in practice_items(connection, design) if given.get(known.id) not in OVER]
        if to_do or SERVED in given.values():
            return "practice"
        if given:
            return "practice_done"
    is_open = any(page.state == SERVED and page.role != "practice" for page in pages)
    due = not is_open and break_due(design, row.breaks, load_for(design, row.cell), pages)
    return "break" if due else "rating"


def _shut(row: Any, status: str) -> Phase | None:
    if row.status == "excluded":
        return "screened_out"
    if row.finished_at is not None:
        return "finished"
    if status == "closed" or row.status == "revoked":
        return "closed"
    if row.consented_at is None:
        return "consent"
    return None


def break_due(design: StudyDesign, breaks: int, load: Load, pages: Sequence[Page]) -> bool:
    """Whether the rater has come to a break that they have not ended yet."""
    if not design.break_every:
        return False
    done = sum(page.answered for page in pages if page.role != "practice")
    return done // design.break_every > breaks and done < load.total


class _Server:
    """Gives out pages to one rater within one transaction that holds the study's lock."""

    def __init__(
        self, connection: Connection, design: StudyDesign, now: int, row: Any, pages: list[Page]
    ) -> None:
        self.connection = connection
        self.design = design
        self.now = now
        self.row = row
        self.pages = pages
        self.load = load_for(design, row.cell)

    def open_page(self) -> Page | Phase:
        """The open page, or opens one, or says why there is none."""
        for page in self.pages:
            if page.state == SERVED:
                return self._kept(page)
        if self.row.practised_at is None:
            if practice := self._practice():
                return self._opened(practice)
            if any(page.role == "practice" for page in self.pages):
                return "practice_done"
        if break_due(self.design, self.row.breaks, self.load, self.pages):
            return "break"
        if (given := self._leased_page() or self._revived() or self._leased_anew()) is not None:
            return self._opened(given)
        if self._load_complete() or not self._others_may_return_places():
            self._finish()
            return "finished"
        return "waiting"

    def following(self, current: Page) -> Page | None:
        """The page after the open one, leased if it is not yet."""
        if current.role == "practice":
            return self._practice(but=current)
        return self._leased_page() or self._revived() or self._leased_anew()

    def _practice(self, but: Page | None = None) -> Page | None:
        given = {page.item_id: page for page in self.pages}
        for known in practice_items(self.connection, self.design):
            page = given.get(known.id)
            if page is None:
                return self._insert(known.id, "practice", Candidate(known.id, known.prompt_id, 0, 0))
            if page.state == EXPIRED:
                return self._changed(page, LEASED)
            if page.fresh and page != but:
                return self._kept(page)
        return None

    def _leased_page(self) -> Page | None:
        for page in self.pages:
            if page.state == LEASED and page.role != "practice":
                return self._kept(page)
        return None

    def _revived(self) -> Page | None:
        """A page whose lease lapsed while the rater was away, if its item still has a place."""
        for page in self.pages:
            lapsed = page.state == EXPIRED and page.role != "practice"
            if lapsed and has_room(self.connection, self.design, page.item_id):
                return self._changed(page, LEASED)
        return None

    def _leased_anew(self) -> Page | None:
        given = {page.item_id for page in self.pages}
        kept = [page for page in self.pages if page.answered or page.fresh]
        controls = sum(page.role == "control" for page in kept)
        control_left = self._controls_left(given)
        role = next_role(
            self.design.seed,
            self.row.id,
            self.load,
            ratings=sum(page.role == "rating" for page in kept),
            controls=controls,
            control_left=bool(control_left),
        )
        if role is None:
            return None
        candidates = (
            [Candidate(known.id, known.prompt_id, 0, 0) for known in control_left]
            if role == "control"
            else self._open_items(given)
        )
        prompts = [page.prompt_id for page in self.pages if page.role != "practice" and page.state != EXPIRED]
        chosen = choose_item(
            candidates,
            prompts,
            seed=self.design.seed,
            rater=self.row.id,
            gap=separation(self.load.ratings, self.load),
        )
        return None if chosen is None else self._insert(chosen.item_id, role, chosen)

    def _controls_left(self, given: set[str]) -> list[Item]:
        out = self.connection.execute(select(item.c.id).where(item.c.role == "control", item.c.excluded))
        gone = given | set(out.scalars())
        return [known for known in self.design.items_of("control") if known.id not in gone]

    def _open_items(self, given: set[str]) -> list[Candidate]:
        c = item.c
        wanted = [c.role == "rating", c.taken < self.design.quota, c.excluded.is_(False)]
        if self.design.nesting == "category":
            wanted.append(c.cell == self.row.cell)
        rows = self.connection.execute(select(c.id, c.prompt_id, c.taken, c.taken_swapped).where(*wanted))
        return [Candidate(*row) for row in rows if row[0] not in given]

    def _insert(self, item_id: str, role: Role, candidate: Candidate) -> Page:
        same = [page for page in self.pages if page.role == role and (page.answered or page.fresh)]
        swapped = len(self.design.item_by_id[item_id].arms) == 2 and choose_swapped(
            candidate,
            straight=sum(not page.swapped for page in same),
            swapped=sum(page.swapped for page in same),
            seed=self.design.seed,
            rater=self.row.id,
        )
        page = Page(
            new_id(),
            item_id,
            role,
            candidate.prompt_id,
            1 + max((page.position for page in self.pages), default=0),
            swapped,
            LEASED,
            0,
            lease_end(self.design, self.now),
            None,
        )
        self.connection.execute(
            insert(presentation).values(
                id=page.id,
                rater_id=self.row.id,
                item_id=item_id,
                position=page.position,
                swapped=swapped,
                state=LEASED,
                holds=role == "rating",
                revision=0,
                leased_at=self.now,
                lease_expires_at=page.lease_expires_at,
            )
        )
        self.pages.append(page)
        recount(self.connection, [item_id])
        return page

    def _kept(self, page: Page) -> Page:
        """The page with its lease renewed, once less than half of it is left."""
        if page.answered or page.lease_expires_at - self.now > self.design.lease_seconds * 500:
            return page
        return self._changed(page, page.state)

    def _opened(self, page: Page) -> Page:
        first = self.now if page.served_at is None else page.served_at
        opened = self._changed(page, SERVED, served_at=first)
        self.connection.execute(
            update(presentation).where(presentation.c.id == page.id).values(opened_at=self.now)
        )
        return opened

    def _changed(self, page: Page, state: str, *, served_at: int | None = None) -> Page:
        end = lease_end(self.design, self.now)
        served = page.served_at if served_at is None else served_at
        self.connection.execute(
            update(presentation)
            .where(presentation.c.id == page.id)
            .values(state=state, holds=page.role == "rating", lease_expires_at=end, served_at=served)
        )
        changed = Page(
            page.id,
            page.item_id,
            page.role,
            page.prompt_id,
            page.position,
            page.swapped,
            state,
            page.revision,
            end,
            served,
        )
        self.pages[self.pages.index(page)] = changed
        if page.state == EXPIRED:
            recount(self.connection, [page.item_id])
        return changed

    def _load_complete(self) -> bool:
        done = sum(page.answered for page in self.pages if page.role != "practice")
        return done >= self.load.total

    def _others_may_return_places(self) -> bool:
        settled = [page.item_id for page in self.pages if page.answered or page.state == SKIPPED]
        wanted = [
            UNANSWERED,
            presentation.c.holds,
            item.c.role == "rating",
            item.c.excluded.is_(False),
            item.c.id.not_in(settled),
        ]
        if self.design.nesting == "category":
            wanted.append(item.c.cell == self.row.cell)
        return bool(
            self.connection.execute(
                select(exists().where(presentation.c.item_id == item.c.id, *wanted))
            ).scalar()
        )

    def _finish(self) -> None:
        self.connection.execute(update(rater).where(rater.c.id == self.row.id).values(finished_at=self.now))
        append(
            self.connection,
            self.now,
            "finish",
            by=rater_name(self.row.id),
            target="rater",
            target_id=self.row.id,
        )


def presented(
    connection: Connection,
    design: StudyDesign,
    row: Any,
    pages: Sequence[Page],
    page: Page,
) -> Presentation:
    """What is told of a page; `row` is the rater's."""
    practice = page.role == "practice"
    before = sum(
        (other.role == "practice") == practice
        and other.position < page.position
        and (other.answered or other.fresh)
        for other in pages
    )
    total = len(_practice_pages(connection, design, pages)) if practice else load_for(design, row.cell).total
    return Presentation(
        id=page.id,
        rater_id=row.id,
        item_id=page.item_id,
        swapped=page.swapped,
        position=before + 1,
        total=total,
        role=page.role,
        revision=page.revision + 1,
        served_at=maybe_moment(page.served_at),
        lease_expires_at=moment(page.lease_expires_at),
        answers=answers_of(connection, page.id, page.revision) if page.answered else {},
    )


def _practice_pages(connection: Connection, design: StudyDesign, pages: Sequence[Page]) -> set[str]:
    """Practice items of a rater: those they were given before one was excluded count as theirs."""
    given = {page.item_id for page in pages if page.role == "practice" and (page.answered or page.fresh)}
    return given | {known.id for known in practice_items(connection, design)}


def answers_of(connection: Connection, presentation_id: str, revision: int) -> dict[str, str]:
    """Question -> choice as shown, of one revision."""
    rows = connection.execute(
        select(rating.c.question, rating.c.choice_shown).where(
            rating.c.presentation_id == presentation_id, rating.c.revision == revision
        )
    )
    return {row.question: row.choice_shown for row in rows}
