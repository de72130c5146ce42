"""A simulated rater goes through a study over HTTP, from the invite link to the last page."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from human_eval_app.simulated.draws import uniform
from human_eval_app.simulated.habits import STEADY, Habits
from human_eval_app.simulated.judging import Judge
from human_eval_app.simulated.page_reading import PageReader
from human_eval_app.simulated.rater_client import RaterClient, RefusedError

OVER = frozenset({"finished", "closed", "screened_out"})
TURNED_AWAY = "full"
"""The phase of a rater whom a study that has all its ratings does not let in."""

WAITING_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Answers the server said it keeps: question name -> key as shown."""

    presentation: str
    revision: int
    answers: Mapping[str, str]


@dataclass(slots=True)
class Visit:
    """What came of it: the last phase, all that was acknowledged, what else was done, and how long it took.

    `rate_seconds` holds one time per accepted answer, from sending it to having the next page's pictures.
    """

    phase: str = ""
    acknowledged: list[Acknowledged] = field(default_factory=list)
    deeds: Counter[str] = field(default_factory=Counter)
    rate_seconds: list[float] = field(default_factory=list)


class WebRater:
    """Goes through the study as `judge`, with `habits`, by `client`.

    `on_acknowledged` is told each acknowledged answer at once; `keep_going` is asked before each page.
    """

    def __init__(
        self,
        client: RaterClient,
        judge: Judge,
        habits: Habits = STEADY,
        *,
        on_acknowledged: Callable[[Acknowledged], None] = lambda done: None,
        keep_going: Callable[[], bool] = lambda: True,
    ) -> None:
        self._client = client
        self._judge = judge
        self._habits = habits
        self._on_acknowledged = on_acknowledged
        self._keep_going = keep_going
        self._reader = PageReader(judge.design)
        self._seen: set[str] = set()
        self._visit = Visit()
        self._page_number = 0

    def go_through(self, token: str | None = None) -> Visit:
        """Rates until the study lets the rater go; enters with `token` first where one is given.

        Raises RefusedError where the server does not let the rater in, UnreachableError where it is gone,
        AssertionError where a picture's bytes are not the registered ones. A refused answer is counted in
        `Visit.deeds`, and the rater goes on where the server says.
        """
        if token is not None:
            try:
                self._client.enter(token)
            except RefusedError as refused:
                if refused.reason != TURNED_AWAY:
                    raise
                self._visit.phase = TURNED_AWAY
                return self._visit
        page: Mapping[str, Any] = self._client.item()
        while self._keep_going():
            if "presentation" in page:
                page = self._on_page(page)
            elif page["phase"] in OVER:
                break
            else:
                page = self._between(page["phase"])
        self._visit.phase = str(page.get("phase", "rating"))
        return self._visit

    def _between(self, phase: str) -> Mapping[str, Any]:
        self._visit.deeds[phase] += 1
        if phase == "consent":
            self._client.consent()
        elif phase == "waiting":  # every item left is with another rater now
            time.sleep(WAITING_SECONDS)
        else:
            self._client.post({"practice_done": "practised", "break": "break"}[phase])
        return self._client.item()

    def _on_page(self, page: Mapping[str, Any]) -> Mapping[str, Any]:
        self._look(page)
        shown = time.monotonic()
        self._preload(page)
        number = self._page_number
        if self._does("reload", number):
            again = self._client.item()
            assert again["presentation"] == page["presentation"], "a reload showed another page"
            assert again["sides"] == page["sides"], "a reload changed the sides"
            page = again
        if self._does("flag", number):
            picture = page["sides"][0]["pictures"][0]["id"]
            self._client.post(
                "flag", {"presentation": page["presentation"], "picture": picture, "reason": "simulated"}
            )
        self._page_number += 1
        if page["role"] != "practice" and self._does("skip", number):
            return self._skipped(page)
        known = self._reader.read(page)
        answers = self._judge.answers(known.item, known.swapped, number)
        self._wait(page, shown, number)
        shown_ms = round((time.monotonic() - shown) * 1000)
        sent = time.monotonic()
        try:
            reply = self._client.rate(page, answers, shown_ms, shown_ms)
        except RefusedError as refused:
            return self._refused("rate", refused)
        done = Acknowledged(str(page["presentation"]), int(page["revision"]), answers)
        self._visit.acknowledged.append(done)
        self._on_acknowledged(done)
        if self._does("twice", number):
            again = self._client.rate(page, answers, shown_ms, shown_ms)
            assert again["duplicate"], "the same answer was kept twice"
        following: Mapping[str, Any] = reply["next"]
        if "presentation" in following:
            self._look(following)
            self._visit.rate_seconds.append(time.monotonic() - sent)
        if page["role"] == "rating" and self._does("undo", number):
            return self._undone(following)
        return following

    def _undone(self, page: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return self._client.post("undo", {"presentation": page.get("presentation", "")})
        except RefusedError as refused:
            return self._refused("undo", refused)

    def _skipped(self, page: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return self._client.post("skip", {"presentation": page["presentation"], "reason": "simulated"})
        except RefusedError as refused:
            return self._refused("skip", refused)

    def _refused(self, deed: str, refused: RefusedError) -> Mapping[str, Any]:
        """As the rating page does: the server says where this rater is."""
        self._visit.deeds[f"{deed} refused: {refused.reason}"] += 1
        return self._client.item()

    def _look(self, page: Mapping[str, Any]) -> None:
        """Fetches the page's pictures where that has not been done, as a browser with a cache would."""
        registered = self._judge.design.picture_by_id
        for side in page["sides"]:
            for picture in side["pictures"]:
                if picture["url"] not in self._seen:
                    self._seen.add(picture["url"])
                    found = hashlib.sha256(self._client.picture(picture["url"])).hexdigest()
                    assert found == registered[picture["id"]].sha256, f"picture {picture['id']} differs"

    def _preload(self, page: Mapping[str, Any]) -> None:
        for url in page.get("preload", ()):
            if url not in self._seen:
                self._seen.add(url)
                self._client.picture(url)

    def _wait(self, page: Mapping[str, Any], shown: float, number: int) -> None:
        least = page["min_dwell_ms"] / 1000 + 0.02
        wished = self._judge.crowd.seconds_at(self._judge.rater, number)
        target = max(least, wished / self._habits.hurry if self._habits.hurry else 0.0)
        time.sleep(max(0.0, shown + target - time.monotonic()))

    def _does(self, deed: str, number: int) -> bool:
        share: float = getattr(self._habits, deed)
        does = uniform(self._judge.crowd.seed, deed, self._judge.rater, number) < share
        self._visit.deeds[deed] += does
        return does
