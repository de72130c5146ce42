"""Whatever raters, time and researchers do, in whatever order: the store keeps its promises (Hypothesis)."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from postgres_cluster import PostgresCluster
from rating_steps import enter, look
from set_clock import SetClock
from small_studies import small_design
from sqlalchemy import func, select

from human_eval_app.database.schema import item, presentation
from human_eval_app.store.rating_store import RatingStore, open_store
from human_eval_app.store.records import Presentation, Refused, TokenRefused

DESIGN = small_design(
    "side_by_side", prompts=4, samples=1, controls=1, practice=0, control_every=2, quota=2, break_every=3
)
CHOICES = st.sampled_from(["left", "indifferent", "right"])
NUMBERS = st.integers(0, 3)
MOST_RATERS = 4


class RatingMachine(RuleBasedStateMachine):
    """Keeps beside the store what it must hold: the answers acknowledged, and each page's item and side."""

    url: str

    def __init__(self) -> None:
        super().__init__()
        self.clock = SetClock()
        self.store: RatingStore
        self.raters: list[int] = []
        self.answers: dict[tuple[str, int], dict[str, str]] = {}  # (page, revision)
        self.sides: dict[str, tuple[int, str, bool]] = {}
        self.open: dict[int, str] = {}
        self.excluded: set[int] = set()
        self.closed = False

    def fresh_url(self) -> str:
        """A fresh database for one example."""
        self.folder = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
        return str(self.folder / "study.db")

    @initialize()
    def make(self) -> None:
        self.store = open_store(self.fresh_url(), create=True, clock=self.clock)
        self.store.register(DESIGN)

    def teardown(self) -> None:
        self.store.close_connections()
        shutil.rmtree(self.folder)

    def rater(self, number: int) -> int:
        return self.raters[number % len(self.raters)]

    def seen(self, page: Presentation) -> None:
        """A page keeps its rater, item and sides."""
        what = (page.rater_id, page.item_id, page.swapped)
        assert self.sides.setdefault(page.id, what) == what

    def served(self, rater: int) -> Presentation | str:
        """Asks for the page; one that is new took a place that was free."""
        page, following = self.store.serve_two(rater)
        for given in (page, following):
            if isinstance(given, Presentation):
                if given.id not in self.sides and given.role == "rating":
                    assert self.places()[given.item_id] <= DESIGN.quota
                self.seen(given)
        return page

    @precondition(lambda self: len(self.raters) < MOST_RATERS and not self.closed)
    @rule()
    def come(self) -> None:
        try:
            self.raters.append(enter(self.store, practised=False))
        except TokenRefused:
            assert min(self.places().values()) >= DESIGN.quota

    @precondition(lambda self: self.raters)
    @rule(number=NUMBERS)
    def look_at_the_page(self, number: int) -> None:
        rater = self.rater(number)
        page = self.served(rater)
        if isinstance(page, Presentation):
            assert not self.closed
            assert rater not in self.excluded
            if rater in self.open:
                assert page.id == self.open[rater]
            self.open[rater] = page.id
            assert page.answers == self.answers.get((page.id, page.revision - 1), {})
        elif page == "break":
            self.store.finish_break(rater)
        else:
            assert (page == "closed") >= (self.closed and rater not in self.excluded and page != "finished")
            assert (page == "screened_out") == (rater in self.excluded)

    @precondition(lambda self: self.raters)
    @rule(number=NUMBERS, quality=CHOICES, caption=CHOICES)
    def answer(self, number: int, quality: str, caption: str) -> None:
        rater = self.rater(number)
        if rater not in self.open or self.closed or rater in self.excluded:
            return
        page = self.served(rater)
        assert isinstance(page, Presentation)
        look(self.store, page)
        answers = {"quality": quality, "text": caption}
        done = self.store.submit(rater, page.id, answers, revision=page.revision, shown_ms=1000)
        assert (done.accepted, done.duplicate) == (True, False)
        self.answers[page.id, page.revision] = answers
        del self.open[rater]
        again = self.store.submit(rater, page.id, answers, revision=page.revision, shown_ms=1000)
        assert (again.accepted, again.duplicate) == (True, True)
        other = answers | {"text": "left" if caption != "left" else "right"}
        with pytest.raises(Refused, match="already recorded"):
            self.store.submit(rater, page.id, other, revision=page.revision, shown_ms=1000)

    @precondition(lambda self: self.raters)
    @rule(number=NUMBERS)
    def undo(self, number: int) -> None:
        rater = self.rater(number)
        try:
            page = self.store.undo(rater)
        except Refused as refused:
            closed = refused.reason == "closed"
            if closed != (self.closed or rater in self.excluded):
                raise
            return
        self.seen(page)
        assert page.answers == self.answers[page.id, page.revision - 1]
        self.open[rater] = page.id

    @precondition(lambda self: self.raters)
    @rule(number=NUMBERS)
    def skip(self, number: int) -> None:
        rater = self.rater(number)
        if rater in self.open and not self.closed and rater not in self.excluded:
            page = self.served(rater)
            assert isinstance(page, Presentation)
            self.store.skip(rater, page.id)
            del self.open[rater]

    @rule(seconds=st.sampled_from([1, DESIGN.lease_seconds // 2, DESIGN.lease_seconds + 1]))
    def wait(self, seconds: int) -> None:
        self.clock.forward(seconds)
        if seconds > DESIGN.lease_seconds // 2:
            self.open.clear()  # may lapse, and then go to another or come back

    @precondition(lambda self: self.raters)
    @rule(number=NUMBERS)
    def exclude_or_include(self, number: int) -> None:
        rater = self.rater(number)
        if rater in self.excluded:
            assert self.store.include("rater", rater, "back")
            self.excluded.remove(rater)
        else:
            assert self.store.exclude("rater", rater, "out")
            self.excluded.add(rater)
        self.open.pop(rater, None)

    @precondition(lambda self: self.answers)
    @rule(number=st.integers(0, 20))
    def exclude_a_rating(self, number: int) -> None:
        page = sorted(self.answers)[number % len(self.answers)][0]
        if not self.store.exclude("rating", page, "slip"):
            self.store.include("rating", page, "no slip")

    @rule()
    def close_or_reopen(self) -> None:
        (self.store.reopen if self.closed else self.store.close)()
        self.closed = not self.closed

    def places(self) -> dict[str, int]:
        with self.store.database.reading() as connection:
            rows = connection.execute(select(item.c.id, item.c.taken).where(item.c.role == "rating"))
            return {row[0]: row[1] for row in rows}

    @invariant()
    def nothing_is_lost_doubled_or_made_up(self) -> None:
        if not hasattr(self, "store"):
            return
        frame = self.store.ratings(revisions=True)
        held: dict[tuple[str, int], dict[str, str]] = {}
        for row in frame.itertuples():
            page = held.setdefault((str(row.presentation), int(row.revision)), {})
            assert row.question not in page
            page[str(row.question)] = str(row.choice_shown)
            assert self.sides[str(row.presentation)] == (row.rater, row.item, row.swapped)
        assert held == self.answers
        last = self.store.ratings()
        assert not last.duplicated(["rater", "item", "question"]).any()
        with self.store.database.reading() as connection:
            pages: list[Any] = list(connection.execute(select(presentation)))
            counted = {
                row[0]: row[1]
                for row in connection.execute(
                    select(presentation.c.item_id, func.count())
                    .where(presentation.c.holds)
                    .group_by(presentation.c.item_id)
                )
            }
        assert {name: n for name, n in self.places().items() if n} == counted
        for rater in self.raters:
            mine = [page for page in pages if page.rater_id == rater]
            assert sum(page.state == "served" for page in mine) <= 1
            assert sorted(page.position for page in mine) == list(range(1, len(mine) + 1))
            kept = [p.swapped for p in mine if p.holds and (p.revision or p.state in ("leased", "served"))]
            assert abs(len(kept) - 2 * sum(kept)) <= 2 + sum(p.state in ("skipped", "expired") for p in mine)


QUICK = {"deadline": None, "suppress_health_check": list(HealthCheck)}


class OnSqlite(RatingMachine):
    """The machine on SQLite."""

    template: Path

    def fresh_url(self) -> str:
        url = super().fresh_url()
        shutil.copyfile(self.template, url)
        return url


OnSqlite.TestCase.settings = settings(max_examples=8, stateful_step_count=30, **QUICK)  # type: ignore[arg-type]


class TestOnSqlite(OnSqlite.TestCase):  # type: ignore[misc,name-defined]
    """Runs it on files in memory."""

    @pytest.fixture(autouse=True)
    def file(self, migrated_file: Path) -> None:
        OnSqlite.template = migrated_file


class OnPostgres(RatingMachine):
    """The machine on PostgreSQL."""

    cluster: PostgresCluster
    template: str

    def fresh_url(self) -> str:
        self.folder = Path(tempfile.mkdtemp())
        self.name = self.cluster.new_database(self.template)
        return self.cluster.url(self.name)

    def teardown(self) -> None:
        super().teardown()
        self.cluster.execute(f"DROP DATABASE {self.name} WITH (FORCE)")


OnPostgres.TestCase.settings = settings(max_examples=3, stateful_step_count=30, **QUICK)  # type: ignore[arg-type]


class TestOnPostgres(OnPostgres.TestCase):  # type: ignore[misc,name-defined]
    """Runs it on the tests' own server."""

    @pytest.fixture(autouse=True)
    def server(self, postgres: PostgresCluster, migrated_template: str) -> None:
        OnPostgres.cluster, OnPostgres.template = postgres, migrated_template
