"""The rating store: everything the app, the command line and the analysis ask of the database.

Each method is one transaction. When one returns, what it wrote is on the disk (after `serve` and `mark_shown`
it is safe from the death of any process, and from a power cut once a later answer is acknowledged); when it
raises, nothing was written. Methods may be called from any thread and from several processes at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Connection, select, update

from drawbench.errors import InputError
from human_eval_app.database.connections import Database, open_database
from human_eval_app.database.schema import study
from human_eval_app.store import administrators, events, exclusions, links, presenting, raters, submitting
from human_eval_app.store.instants import Clock, milliseconds, utc_now
from human_eval_app.store.leases import lock_study
from human_eval_app.store.records import (
    Event,
    Invite,
    Phase,
    Presentation,
    Rater,
    Stage,
    StudyProgress,
    Submitted,
    Target,
)
from human_eval_app.store.registering import register
from human_eval_app.studies.design import StudyDesign

if TYPE_CHECKING:
    import pandas as pd

Result = TypeVar("Result")

ADMIN = "admin"
"""How administrators are named in the log where they did not say who they are: they share one token."""


def open_store(url_or_path: str | Path, *, create: bool = False, clock: Clock = utc_now) -> RatingStore:
    """Opens a store: a path or sqlite:///... for SQLite, postgresql+psycopg://... for PostgreSQL.

    Makes the SQLite file with `create`, makes or migrates the tables as needed. `clock` gives the time, with
    its zone. Raises InputError where the database cannot be opened, migrated, or is newer than this version.
    """
    return RatingStore(open_database(url_or_path, create=create), clock)


class RatingStore:
    """The ratings of one study. What the database refuses (full, read-only, gone) is StoreUnavailable."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self.database = database
        self._clock = clock
        self._design: StudyDesign | None = None

    def close_connections(self) -> None:
        """Closes all connections; the store can be used again afterwards."""
        self.database.dispose()

    # the study

    def register(self, design: StudyDesign) -> None:
        """Writes the design and its items, once. Raises InputError where another design is registered."""

        def work(connection: Connection) -> None:
            now = self._now()
            if register(connection, design, now):
                detail = {"design": design.digest}
                events.append(connection, now, "register", by=events.SYSTEM, target="study", detail=detail)

        self.database.write(work)
        self._design = design

    @property
    def design(self) -> StudyDesign:
        """The registered design. Raises InputError where there is none."""
        if self._design is None:
            with self.database.reading() as connection:
                found = connection.execute(select(study.c.design)).scalar()
            if found is None:
                raise InputError("the database holds no study; make one with 'drawbench study create'")
            self._design = StudyDesign.from_json(found)
        return self._design

    @property
    def is_open(self) -> bool:
        """Whether the study takes answers."""
        with self.database.reading() as connection:
            return connection.execute(select(study.c.status)).scalar() == "open"

    def close(self, by: str = ADMIN) -> None:
        """Stops the study: no one enters, nothing is given out or taken."""
        self._set_status("closed", by)

    def reopen(self, by: str = ADMIN) -> None:
        """Goes on with a closed study."""
        self._set_status("open", by)

    def _set_status(self, status: str, by: str) -> None:
        def work(connection: Connection) -> None:
            if lock_study(connection) == status:
                return
            connection.execute(update(study).values(status=status))
            kind = "close" if status == "closed" else "reopen"
            events.append(connection, self._now(), kind, by=by, target="study")

        _ = self.design
        self.database.write(work)

    # raters and their links

    def invite(
        self,
        count: int,
        *,
        cell: str | None = None,
        expires_at: datetime | None = None,
        label: str | None = None,
        open_places: int | None = None,
        by: str = ADMIN,
    ) -> list[Invite]:
        """Makes `count` links, each for one rater, or with `open_places` each for so many.

        `cell`: the category the raters are to rate (None: drawn when they enter). The tokens are not kept and
        cannot be shown again. Raises InputError for an unknown cell, a count or a time that makes no sense.
        """
        design = self.design
        return self._write(
            lambda connection, now: links.invite(
                connection,
                design,
                now,
                count,
                cell=cell,
                expires_at=expires_at,
                label=label,
                open_places=open_places,
                by=by,
            )
        )

    def exchange(
        self, token: str, *, external_id: str | None = None, agent: str = "", credential: str | None = None
    ) -> str:
        """Uses a link once: returns the session credential to keep in the browser that opened it.

        `credential`: an unguessable one of the caller's own to use instead of a fresh one, so that a browser
        whose answer was lost can be recognised when it asks again (see `entering`).

        Raises TokenRefused: unknown, revoked, used (also by another rater of the same `external_id`),
        expired, closed, or full where nothing is left to rate for a rater who would be new (through an open
        link also where all that is left is out with others).
        """
        design = self.design
        return self._write(
            lambda connection, now: links.exchange(
                connection, design, now, token, external_id=external_id, agent=agent, credential=credential
            )
        )

    def rater_id_of(self, credential: str) -> int | None:
        """Whose session this is; None where it is unknown or was ended. One indexed look-up."""
        with self.database.reading() as connection:
            return links.rater_id_of(connection, credential)

    def rater_of(self, credential: str) -> Rater | None:
        """The rater whose session this is, with their progress; None as for `rater_id_of`."""
        design = self.design
        with self.database.reading() as connection:
            found = links.rater_id_of(connection, credential)
            return None if found is None else raters.raters(connection, design, only=found)[0]

    def rater(self, rater_id: int) -> Rater:
        """The rater of a number. Raises InputError where there is none."""
        design = self.design
        with self.database.reading() as connection:
            found = raters.raters(connection, design, only=rater_id)
        if not found:
            raise InputError(f"there is no rater {rater_id}")
        return found[0]

    def raters(self) -> list[Rater]:
        """All raters by number."""
        design = self.design
        with self.database.reading() as connection:
            return raters.raters(connection, design)

    def continue_token(self, rater_id: int) -> str:
        """A link for one use within an hour, to go on on another device. The session here stays."""
        return self._write(lambda connection, now: links.continue_token(connection, now, rater_id))

    def reissue(self, rater_id: int, by: str = ADMIN) -> Invite:
        """A new link for a rater who lost theirs; their other links and sessions end."""
        return self._write(lambda connection, now: links.reissue(connection, now, rater_id, by))

    def revoke(self, rater_id: int, by: str = ADMIN) -> None:
        """Ends a rater's links and sessions. Their ratings stay; see `exclude`."""
        self._write(lambda connection, now: links.revoke(connection, now, rater_id, by))

    def consent(self, rater_id: int) -> None:
        """Records that the rater agreed (the first time counts)."""
        design = self.design
        self._write(lambda connection, now: raters.consent(connection, design, now, rater_id))

    def finish_practice(self, rater_id: int) -> None:
        """Moves the rater on from "practice_done"."""
        design = self.design
        self._write(lambda connection, now: raters.finish_practice(connection, design, now, rater_id))

    def finish_break(self, rater_id: int) -> None:
        """Moves the rater on from "break"."""
        design = self.design
        self._write(lambda connection, now: raters.finish_break(connection, design, now, rater_id))

    # administrators

    def end_admin_session(self, session: str, by: str = ADMIN) -> None:
        """Ends an administrator's session, whoever holds its cookie."""
        self._write(lambda connection, now: administrators.end_session(connection, now, session, by))

    def admin_session_ended(self, session: str) -> bool:
        """Whether `end_admin_session` was called with this session."""
        with self.database.reading() as connection:
            return administrators.session_ended(connection, session)

    def note_new_admin_token(self, by: str = ADMIN) -> None:
        """Logs that the study's admin token was replaced (see `studies.writing.renew_admin_token`)."""
        self._write(lambda connection, now: administrators.note_new_token(connection, now, by))

    # rating

    def stage(self, rater_id: int) -> Stage:
        """Where the rater is, without giving anything out: a phase, or "practice" or "rating"."""
        design = self.design
        with self.database.reading() as connection:
            return presenting.stage(connection, design, rater_id)

    def serve(self, rater_id: int) -> Presentation | Phase:
        """The rater's open page, with the same sides however often it is asked for; else opens the next.

        Also leases the page after it (see `upcoming`). A phase says that there is no page now, and why.
        """
        return self.serve_two(rater_id)[0]

    def serve_two(self, rater_id: int) -> tuple[Presentation | Phase, Presentation | None]:
        """`serve`, and the page after it for preloading (None where there is none)."""
        design = self.design
        return self._write(
            lambda connection, now: presenting.serve(connection, design, now, rater_id), durable=False
        )

    def upcoming(self, rater_id: int) -> Presentation | None:
        """The page that `serve` leased for preloading, if there is one."""
        return self.serve_two(rater_id)[1]

    def mark_shown(self, rater_id: int, presentation_id: str, picture_ids: Collection[str]) -> None:
        """Records that pictures were delivered to the rater, the first time of each.

        Raises Refused where the page is not the rater's or has no such picture.
        """
        design = self.design
        self._write(
            lambda connection, now: submitting.mark_shown(
                connection, design, now, rater_id, presentation_id, picture_ids
            ),
            durable=False,
        )

    def submit(
        self,
        rater_id: int,
        presentation_id: str,
        answers: Mapping[str, str],
        *,
        revision: int,
        shown_ms: int,
        client_ms: int = 0,
    ) -> Submitted:
        """Takes the answers (question -> choice as shown) to all questions of a page.

        `revision` is the page's (`Presentation.revision`). The same answers again are a duplicate: accepted,
        nothing written. `shown_ms`: time since every picture was painted, by the browser's clock; an answer
        before the design's `min_dwell_ms` of that, or of the server's own time since the page was opened and
        its pictures delivered, is refused. Raises Refused.
        """
        design = self.design
        return self._write(
            lambda connection, now: submitting.submit(
                connection,
                design,
                now,
                rater_id,
                presentation_id,
                answers,
                revision=revision,
                shown_ms=shown_ms,
                client_ms=client_ms,
            )
        )

    def undo(self, rater_id: int, *, open_id: str | None = None) -> Presentation:
        """Goes back to the page answered last (again: to the one before). The next submission of it is a
        new revision; the old one stays. `open_id` names the page to go back from, so that a request sent
        twice goes back once: where another page is open, that one is returned and nothing changes.
        Raises Refused where there is nothing to go back to.
        """
        design = self.design
        return self._write(
            lambda connection, now: submitting.undo(connection, design, now, rater_id, open_id)
        )

    def skip(self, rater_id: int, presentation_id: str, reason: str = "") -> None:
        """Leaves the open page out; its place goes back. A page opened again by undo keeps its answer."""
        design = self.design
        self._write(
            lambda connection, now: submitting.skip(
                connection, design, now, rater_id, presentation_id, reason
            )
        )

    def flag(self, rater_id: int, presentation_id: str, picture_id: str | None, reason: str) -> None:
        """Records a report on a page or one of its pictures."""
        design = self.design
        self._write(
            lambda connection, now: submitting.flag(
                connection, design, now, rater_id, presentation_id, picture_id, reason
            )
        )

    # what researchers do

    def exclude(self, target: Target, target_id: int | str, reason: str, by: str = ADMIN) -> bool:
        """Leaves a rater (number), a rating (presentation id) or an item (id) out of the analysis.

        Its places go back to the quotas. Nothing is deleted; `include` reverses it. False where it already
        was excluded. Raises InputError for an unknown target or an empty reason.
        """
        return self._set_excluded(target, target_id, reason, by, True)

    def include(self, target: Target, target_id: int | str, reason: str, by: str = ADMIN) -> bool:
        """Reverses `exclude`."""
        return self._set_excluded(target, target_id, reason, by, False)

    def _set_excluded(
        self, target: Target, target_id: int | str, reason: str, by: str, excluded: bool
    ) -> bool:
        design = self.design
        return self._write(
            lambda connection, now: exclusions.set_excluded(
                connection, design, now, target, str(target_id), excluded=excluded, reason=reason, by=by
            )
        )

    def progress(self) -> StudyProgress:
        """Where the study stands."""
        from human_eval_app.store.progress import study_progress

        design = self.design
        with self.database.reading() as connection:
            return study_progress(connection, design)

    def events(self) -> Iterator[Event]:
        """The log, oldest first."""
        with self.database.reading() as connection:
            found = list(events.read(connection))
        return iter(found)

    def ratings(self, *, revisions: bool = False) -> pd.DataFrame:
        """All ratings, with the columns of `data_dictionary.RATINGS`: the last revision of each, or all."""
        from human_eval_app.store.ratings_table import frame_of, ratings_rows

        design = self.design
        with self.database.reading() as connection:
            rows = ratings_rows(connection, design, revisions=revisions)
        return frame_of(rows)

    def _now(self) -> int:
        return milliseconds(self._clock())

    def _write(self, work: Callable[[Connection, int], Result], *, durable: bool = True) -> Result:
        # The clock is read inside the transaction, so that waiting for it counts as time that passed.
        return self.database.write(lambda connection: work(connection, self._now()), durable=durable)
