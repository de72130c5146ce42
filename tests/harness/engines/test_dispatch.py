from collections import deque
from collections.abc import Hashable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawbench.errors import InputError
from drawbench.types import Prompt
from harness.engines import Outcome
from harness.engines.dispatch import (
    HUNG_SECONDS,
    HUNG_TIMES,
    Answered,
    Fault,
    Lost,
    Message,
    Ready,
    Refusal,
    Watch,
    carry_out,
)
from harness.types import Request


class PlannedStaff:
    """Workers whose deaths are drawn beforehand. Requests in `deadly` kill whoever gets them."""

    def __init__(self, workers: int, deadly: frozenset[int], accidents: Sequence[bool]) -> None:
        self.workers, self.deadly, self.accidents = workers, deadly, deque(accidents)
        self.hired = 0
        self.ready: list[Hashable] = []
        self.working: dict[Hashable, Sequence[Request]] = {}
        self.told: list[tuple[Hashable, Message]] = []
        self.deaths = 0

    def fill(self, wanted: int) -> None:
        here = len(self.ready) + len(self.working) + len(self.told)
        for _ in range(min(wanted, self.workers) - here):
            self.told.append((self.hired, Ready()))
            self.hired += 1

    def idle(self) -> list[Hashable]:
        return list(self.ready)

    def give(self, worker: Hashable, requests: Sequence[Request]) -> None:
        self.ready.remove(worker)
        self.working[worker] = requests

    def end(self, worker: Hashable) -> None:
        raise AssertionError("none of them hangs")

    def hear(self) -> list[tuple[Hashable, Message]]:
        heard, self.told = self.told, []
        for worker, _ in heard:
            self.ready.append(worker)
        for worker, requests in list(self.working.items()):
            accident = self.accidents.popleft() if self.accidents else False
            del self.working[worker]
            if accident or any(request.index in self.deadly for request in requests):
                self.deaths += 1
                heard.append((worker, Lost("killed")))
            else:
                outcomes = [Outcome("ok", str(request.index), 0.1) for request in requests]
                heard.append((worker, Answered(outcomes)))
                self.ready.append(worker)
        return heard


def requests(count: int) -> list[Request]:
    return [Request(Prompt("p", "text"), index, 0) for index in range(count)]


@given(
    st.integers(0, 20),
    st.integers(1, 6),
    st.integers(1, 4),
    st.frozensets(st.integers(0, 19), max_size=3),
    st.lists(st.booleans(), max_size=12),
)
def test_each_request_is_answered_once_whoever_dies(
    count: int, batch_size: int, workers: int, deadly: frozenset[int], accidents: list[bool]
) -> None:
    staff = PlannedStaff(workers, deadly, accidents)
    answers = [pair for some in carry_out(staff, requests(count), batch_size) for pair in some]
    assert sorted(place for place, _ in answers) == list(range(count))
    failed = {place for place, outcome in answers if outcome.status == "error"}
    assert {place for place in deadly if place < count} <= failed
    if not any(accidents):
        assert failed == {place for place in deadly if place < count}
    assert all(outcome.sha256 == str(place) for place, outcome in answers if place not in failed)
    assert staff.deaths <= sum(accidents) + 5 * len(deadly)


def test_one_sample_that_kills_does_not_take_its_batch_with_it() -> None:
    staff = PlannedStaff(2, frozenset([4]), [])
    answers = dict(pair for some in carry_out(staff, requests(9), 9) for pair in some)
    assert [place for place, outcome in answers.items() if outcome.status != "ok"] == [4]
    assert answers[4].reason == "3 workers died while drawing it, the last: killed"


def test_a_refusal_ends_the_run_and_a_fault_shows_its_traceback() -> None:
    class Saying(PlannedStaff):
        message: Message = Refusal("no licence")

        def hear(self) -> list[tuple[Hashable, Message]]:
            return [(0, self.message)]

    staff = Saying(1, frozenset(), [])
    with pytest.raises(InputError, match="no licence"):
        list(carry_out(staff, requests(1), 1))
    staff.message = Fault("Traceback: line 3")
    with pytest.raises(RuntimeError, match="line 3"):
        list(carry_out(staff, requests(1), 1))


def test_workers_that_all_die_at_the_start_end_the_run() -> None:
    class Stillborn(PlannedStaff):
        def hear(self) -> list[tuple[Hashable, Message]]:
            self.told = []
            return [(self.hired, Lost("killed by signal 9"))]

    with pytest.raises(InputError, match=r"6 workers in a row .*signal 9.*fewer --workers"):
        list(carry_out(Stillborn(1, frozenset(), []), requests(1), 1))


def test_deaths_at_the_start_do_not_end_a_run_in_which_others_draw() -> None:
    class Unlucky(PlannedStaff):
        """Its first worker draws slowly; every other dies as it starts, until the first has answered."""

        spoken = 0

        def hear(self) -> list[tuple[Hashable, Message]]:
            self.spoken += 1
            if self.working and self.spoken < 20:
                return [(f"stillborn {self.spoken}", Lost("killed"))]
            return super().hear()

    staff = Unlucky(1, frozenset(), [])
    answers = [pair for some in carry_out(staff, requests(4), 2) for pair in some]
    assert sorted(place for place, _ in answers) == [0, 1, 2, 3]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_worker_hangs_once_it_is_slower_than_the_limit() -> None:
    clock = Clock()
    watch = Watch(10.0, clock)
    watch.given("a", 3)
    clock.now = 5.0
    watch.given("b", 3)
    clock.now = 10.5
    assert watch.hung() == [("a", "ended after 10 s without an answer")]
    assert watch.hung() == [], "it is ended once"
    watch.heard("a", answered=False)
    clock.now = 14.0
    watch.heard("b", answered=True)
    clock.now = 99.0
    assert watch.hung() == []


def test_without_a_limit_the_pace_of_the_slowest_decides_and_nobody_before_a_first_answer() -> None:
    clock = Clock()
    watch = Watch(None, clock)
    watch.given("slow", 4)
    watch.given("hung", 1)
    clock.now = 100_000.0
    assert watch.hung() == [], "nothing is known of the model's pace yet"
    watch.heard("slow", answered=True)
    watch.given("slow", 2)
    clock.now += 2 * HUNG_TIMES * 25_000.0
    assert watch.hung() == [("hung", "ended after 1100000 s without an answer")]
    clock.now += 1.0
    assert [worker for worker, _ in watch.hung()] == ["slow"]


def test_without_a_limit_a_fast_model_has_half_an_hour() -> None:
    clock = Clock()
    watch = Watch(None, clock)
    watch.given("a", 1)
    clock.now = 0.01
    watch.heard("a", answered=True)
    watch.given("a", 1)
    clock.now = HUNG_SECONDS
    assert watch.hung() == []
    clock.now += 0.02
    assert [worker for worker, _ in watch.hung()] == ["a"]
