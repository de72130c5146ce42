"""Batches for workers that may die: who gets which, and what becomes of the batches of the dead.

Shared by the engines whose workers are other processes. They say how workers are started, asked, heard and
ended; this module says what they are asked, and when one that says nothing has hung.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from drawbench.errors import InputError
from harness.engines import Answers, Outcome
from harness.types import Request

DEATHS_TOGETHER = 2
DEATHS_ALONE = 3
DEATHS_AT_START = 6
DEATHS_AT_LATER_STARTS = 60
HUNG_TIMES = 20
HUNG_SECONDS = 1800.0


@dataclass(frozen=True)
class Ready:
    """A worker has loaded its model."""


@dataclass(frozen=True)
class Answered:
    """A worker has carried out its batch."""

    outcomes: list[Outcome]


@dataclass(frozen=True)
class Refusal:
    """A worker says that no request can be served: the message of its InputError."""

    message: str


@dataclass(frozen=True)
class Fault:
    """A worker met a fault of ours: its traceback."""

    traceback: str


@dataclass(frozen=True)
class Lost:
    """A worker is no more. `why` is for people, such as "killed by signal 9"."""

    why: str


Message = Ready | Answered | Refusal | Fault | Lost


@dataclass(frozen=True)
class Batch:
    """Requests that are asked together, with their places in the whole list. `deaths` is how many workers
    died of it, or over it."""

    places: Sequence[int]
    requests: Sequence[Request]
    deaths: int = 0


class Staff(Protocol):
    """Workers as an engine provides them. Each has a name of its own and does one batch at a time."""

    def fill(self, wanted: int) -> None:
        """Starts workers where there are too few. More than `wanted` would have nothing to do."""
        ...

    def idle(self) -> list[Hashable]:
        """Those that are ready and have nothing to do."""
        ...

    def give(self, worker: Hashable, requests: Sequence[Request]) -> None:
        """Gives an idle worker a batch."""
        ...

    def hear(self) -> list[tuple[Hashable, Message]]:
        """Waits a while for messages; each Lost worker is reported once and then forgotten."""
        ...

    def end(self, worker: Hashable) -> None:
        """Kills a worker that has hung; `hear` then reports it as Lost."""
        ...


class Watch:
    """Which workers have been at their batch for too long.

    `limit` is how many seconds a batch may take. Without one nobody is judged before a first answer; from
    then on a batch may take `HUNG_TIMES` times the slowest pace of a request so far, and `HUNG_SECONDS` at
    least.
    """

    def __init__(self, limit: float | None, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._clock = clock
        self._since: dict[Hashable, tuple[float, int]] = {}
        self._slowest: float | None = None

    def given(self, worker: Hashable, requests: int) -> None:
        """A worker has got a batch of so many requests."""
        self._since[worker] = (self._clock(), requests)

    def heard(self, worker: Hashable, *, answered: bool) -> None:
        """A worker has answered, or is no more."""
        begun, requests = self._since.pop(worker, (0.0, 0))
        if answered and requests:
            self._slowest = max(self._slowest or 0.0, (self._clock() - begun) / requests)

    def hung(self) -> list[tuple[Hashable, str]]:
        """Each worker that has hung, once, and for people why it counts as such."""
        found = []
        for worker, (begun, requests) in list(self._since.items()):
            silent = self._clock() - begun
            if silent > self._patience(requests):
                del self._since[worker]
                found.append((worker, f"ended after {silent:.0f} s without an answer"))
        return found

    def _patience(self, requests: int) -> float:
        if self._limit is not None:
            return self._limit
        return (
            float("inf")
            if self._slowest is None
            else max(HUNG_SECONDS, HUNG_TIMES * requests * self._slowest)
        )


class Board:
    """The batches of one list of requests: those that wait, and how many requests are not answered yet.

    A batch whose worker died goes to the end of the queue. After `DEATHS_TOGETHER` deaths its requests are
    asked one by one, so that only those that kill workers by themselves fail, after `DEATHS_ALONE` deaths.
    """

    def __init__(self, requests: Sequence[Request], batch_size: int) -> None:
        self.waiting: deque[Batch] = deque()
        for start in range(0, len(requests), batch_size):
            batch = requests[start : start + batch_size]
            self.waiting.append(Batch(range(start, start + len(batch)), batch))
        self.left = len(requests)

    def answered(self, batch: Batch, outcomes: Sequence[Outcome]) -> Answers:
        """The answers of a batch that was carried out."""
        self.left -= len(batch.places)
        return list(zip(batch.places, outcomes, strict=True))

    def lost(self, batch: Batch, why: str) -> Answers:
        """Puts the batch of a dead worker back; returns failures where that would be of no use any more."""
        deaths = batch.deaths + 1
        if len(batch.requests) > 1:
            if deaths < DEATHS_TOGETHER:
                self.waiting.append(Batch(batch.places, batch.requests, deaths))
            else:
                pairs = zip(batch.places, batch.requests, strict=True)
                self.waiting.extend(Batch([place], [request]) for place, request in pairs)
            return []
        if deaths < DEATHS_ALONE:
            self.waiting.append(Batch(batch.places, batch.requests, deaths))
            return []
        reason = f"{deaths} workers died while drawing it, the last: {why}"
        return self.answered(batch, [Outcome("error", None, None, reason=reason)])


def carry_out(
    staff: Staff,
    requests: Sequence[Request],
    batch_size: int,
    limit: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Answers]:
    """See `harness.engines.Crew.carry_out`. A worker that has hung, by `Watch(limit)`, is killed.

    Raises InputError where worker after worker dies at its start.
    """
    board = Board(requests, batch_size)
    watch = Watch(limit, clock)
    at_work: dict[Hashable, Batch] = {}
    ended: dict[Hashable, str] = {}
    failed_starts, limit = 0, DEATHS_AT_START
    while board.left:
        staff.fill(len(board.waiting) + len(at_work))
        for worker in staff.idle():
            if board.waiting:
                at_work[worker] = board.waiting.popleft()
                staff.give(worker, at_work[worker].requests)
                watch.given(worker, len(at_work[worker].requests))
        for worker, why in watch.hung():
            ended[worker] = why
            staff.end(worker)
        for worker, message in staff.hear():
            batch = at_work.pop(worker, None)
            watch.heard(worker, answered=isinstance(message, Answered))
            if isinstance(message, Ready):
                # Where the model could be loaded once, its loading is not what kills.
                failed_starts, limit = 0, DEATHS_AT_LATER_STARTS
            elif isinstance(message, Refusal):
                raise InputError(message.message)
            elif isinstance(message, Fault):
                raise RuntimeError(f"in a worker:\n{message.traceback}")
            elif isinstance(message, Answered) and batch is not None:
                yield board.answered(batch, message.outcomes)
            elif isinstance(message, Lost) and batch is not None:
                given_up = board.lost(batch, ended.pop(worker, message.why))
                if given_up:
                    yield given_up
            elif isinstance(message, Lost):
                failed_starts += 1
                if failed_starts >= limit and not at_work:
                    raise InputError(
                        f"{failed_starts} workers in a row ended before they drew (the last: {message.why}); "
                        "is there memory for that many? Try fewer --workers"
                    )
