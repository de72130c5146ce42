"""Simulated raters who answer into the store itself, in simulated time: no server, no waiting.

Raters work side by side as they would: whoever is ready first in simulated time gets the next page, so
leases, quotas and the order of items come out as in a study with people.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from human_eval_app.simulated.crowd import Crowd
from human_eval_app.simulated.draws import uniform
from human_eval_app.simulated.habits import Habits
from human_eval_app.simulated.judging import Judge
from human_eval_app.store.rating_store import RatingStore
from human_eval_app.store.records import Presentation, Refused, TokenRefused
from human_eval_app.studies.design import StudyDesign

OVER = frozenset({"finished", "closed", "screened_out"})
ARRIVAL_SECONDS = 600.0
WAITING_SECONDS = 60.0


class SimulatedClock:
    """A clock that stands until it is set. Give it to `open_store`."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def seconds_needed(crowd: Crowd, pages: int, raters: Sequence[int]) -> float:
    """A bound on how long the study takes in simulated seconds where no rater waits for another."""
    each = (sum(crowd.seconds_at(rater, page) for page in range(pages)) for rater in raters)
    return ARRIVAL_SECONDS + 2 * max(each, default=0.0)


def rate_in_store(
    store: RatingStore,
    clock: SimulatedClock,
    tokens: Sequence[str],
    crowd: Crowd,
    habits: Habits,
    *,
    first_rater: int = 0,
    most_waits: int = 100,
    on_page: Callable[[int], None] = lambda pages: None,
) -> int:
    """Sends one rater per invite token through the study of `store`; returns how many pages were answered.

    `clock` must be the store's own. `on_page` is told each finished page. A rater who has waited `most_waits`
    times for items that others hold gives up; one who comes when the study is full is not let in. Raises what
    the store raises.
    """
    design, begin = store.design, clock.now
    due: list[tuple[float, int]] = []
    raters: dict[int, _StoreRater] = {}
    for place, token in enumerate(tokens):
        number = first_rater + place
        arrival = ARRIVAL_SECONDS * uniform(crowd.seed, "arrival", number)
        raters[number] = _StoreRater(store, design, Judge(crowd, design, number), habits, token, most_waits)
        heapq.heappush(due, (arrival, number))
    answered = 0
    while due:
        seconds, number = heapq.heappop(due)
        clock.now = max(clock.now, begin + timedelta(seconds=seconds))
        pause, pages = raters[number].act(clock)
        answered += pages
        on_page(pages)
        if pause is not None:
            heapq.heappush(due, (seconds + pause, number))
    return answered


class _StoreRater:
    """One rater between two moments: waiting to enter, looking at a page, or resting."""

    def __init__(
        self,
        store: RatingStore,
        design: StudyDesign,
        judge: Judge,
        habits: Habits,
        token: str,
        most_waits: int,
    ) -> None:
        self._store = store
        self._design = design
        self._judge = judge
        self._habits = habits
        self._token = token
        self._waits_left = most_waits
        self._id: int | None = None
        self._looking_at: Presentation | None = None
        self._looked_ms = 0
        self._page = 0

    def act(self, clock: SimulatedClock) -> tuple[float | None, int]:
        """Does what is due now: (seconds until the next act, or None at the end; pages answered)."""
        if self._id is None:
            try:
                session = self._store.exchange(self._token, agent="simulated rater")
            except TokenRefused as refused:
                if refused.reason == "full":
                    return None, 0
                raise
            rater = self._store.rater_of(session)
            assert rater is not None, "a session that was just made is unknown"
            self._id = rater.id
        answered = 0
        if self._looking_at is not None:
            answered = self._finish_page(self._looking_at)
        return self._next_page(clock), answered

    def _finish_page(self, page: Presentation) -> int:
        assert self._id is not None
        self._looking_at = None
        number, self._page = self._page, self._page + 1
        if self._does("flag", number):
            self._store.flag(self._id, page.id, None, "simulated")
        if page.role != "practice" and self._does("skip", number):
            self._store.skip(self._id, page.id, "simulated")
            return 0
        item = self._design.item_by_id[page.item_id]
        answers = self._judge.answers(item, page.swapped, number)
        for _ in range(2 if self._does("twice", number) else 1):
            self._store.submit(
                self._id,
                page.id,
                answers,
                revision=page.revision,
                shown_ms=self._looked_ms,
                client_ms=self._looked_ms,
            )
        if page.role != "practice" and self._does("undo", number):
            with suppress(Refused):  # nothing to go back to, or the rater's last page
                self._store.undo(self._id)
        return 1

    def _next_page(self, clock: SimulatedClock) -> float | None:
        assert self._id is not None
        while True:
            served = self._store.serve(self._id)
            if isinstance(served, Presentation):
                break
            if served in OVER:
                return None
            if served == "waiting":
                self._waits_left -= 1
                return WAITING_SECONDS if self._waits_left > 0 else None
            {
                "consent": self._store.consent,
                "practice_done": self._store.finish_practice,
                "break": self._store.finish_break,
            }[served](self._id)
        self._looking_at = served
        pictures = self._design.item_by_id[served.item_id].pictures
        self._store.mark_shown(self._id, served.id, pictures)
        seconds = self._judge.crowd.seconds_at(self._judge.rater, self._page)
        seconds = max(seconds, self._design.min_dwell_ms / 1000 + 0.02)
        self._looked_ms = round(seconds * 1000) - 1
        return seconds

    def _does(self, deed: str, number: int) -> bool:
        share: float = getattr(self._habits, deed)
        return uniform(self._judge.crowd.seed, deed, self._judge.rater, number) < share
