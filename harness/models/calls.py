"""Many calls to a server that may be slow, busy or broken: several at a time, paced, and tried again.

Settings of a model that do not change a picture, and so are in no sample's key: `concurrency` (calls at a
time), `requests_per_minute`, `timeout` (seconds for one answer), `retries` (after the first try), `backoff`
(seconds before the first retry; they double each time, with up to half of them left out at random).
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar

from drawbench.errors import InputError
from harness.models.settings import number
from harness.types import Drawn, Failure, Request

LONGEST_BACKOFF = 60.0
LONGEST_WAIT = 900.0
"""A server that asks for more seconds than these is taken as not available."""
PAID_RETRIES = 1
"""How often an answer is asked for again that was useless and has to be paid for all the same."""

T = TypeVar("T")
Result = Drawn | Failure


@dataclass(frozen=True, slots=True)
class CallLimits:
    """How calls are made. `requests_per_minute` None is without a limit."""

    concurrency: int = 4
    requests_per_minute: float | None = None
    timeout: float = 180.0
    retries: int = 5
    backoff: float = 1.0


LIMIT_NAMES = tuple(field.name for field in fields(CallLimits))


def take_limits(model: str, given: Mapping[str, Any]) -> tuple[CallLimits, dict[str, Any]]:
    """The limits among the given settings, and the settings that remain. Raises InputError on bad values."""
    values: dict[str, Any] = {}
    rest = dict(given)
    for name in LIMIT_NAMES:
        if name not in rest:
            continue
        value = rest.pop(name)
        if name in ("concurrency", "retries"):
            least = 1 if name == "concurrency" else 0
            if type(value) is not int or value < least:
                raise InputError(f"{model}: {name} must be a whole number of at least {least}, not {value!r}")
            values[name] = value
        else:
            values[name] = number(model, name, value, low=0.0 if name == "backoff" else 1e-3)
    return CallLimits(**values), rest


class Refused(Exception):
    """The server will serve no request at all; the message says why and what to do."""


class Again(Exception):
    """This try came to nothing, another may not. `wait` is how long the server asks to wait.

    `paid` tells that the try is billed, `cost` what it came to, where that is known.
    """

    def __init__(
        self, reason: str, *, wait: float | None = None, paid: bool = False, cost: float | None = None
    ) -> None:
        super().__init__(reason)
        self.wait = wait
        self.paid = paid
        self.cost = cost


@dataclass(frozen=True, slots=True)
class Tried(Generic[T]):
    """What a call came to: a value, or None and the reason. `cost` is that of the tries that failed."""

    value: T | None
    reason: str
    cost: float | None


def added(one: float | None, other: float | None) -> float | None:
    """The sum of two costs; None counts as nothing, unless both are."""
    return other if one is None else one if other is None else one + other


class Caller:
    """Makes calls under limits. One serves all threads of a model."""

    def __init__(self, limits: CallLimits) -> None:
        self.limits = limits
        self._lock = threading.Lock()
        self._next = 0.0
        self._stopped = threading.Event()

    def try_until_done(self, attempt: Callable[[], T], *, paced: bool = True) -> Tried[T]:
        """Calls `attempt` until it gives a value, raises something else than Again, or tries run out.

        Where it is not `paced`, the call counts against no limit on requests.
        """
        cost: float | None = None
        reason = ""
        paid = 0
        for count in range(self.limits.retries + 1):
            if paced and not self._wait_for_turn():
                return Tried(None, "interrupted", cost)
            try:
                return Tried(attempt(), "", cost)
            except Again as again:
                reason = f"{again} (tried {_times(count + 1)})"
                cost = added(cost, again.cost)
                paid += again.paid
                if paid > PAID_RETRIES or (again.wait or 0.0) > LONGEST_WAIT:
                    break
                if count < self.limits.retries:
                    self._pause(again.wait if paced else None, count)
        return Tried(None, reason, cost)

    def in_parallel(self, ask: Callable[[Request], Result], requests: Sequence[Request]) -> list[Result]:
        """`ask` for every request, several at a time; results in the order of the requests.

        What `ask` raises is that request's failure. Where every request was refused the first refusal is
        raised as InputError; where only some were, the others' results are not given up for it.
        """
        self._stopped.clear()
        waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[int, Result | BaseException]] = queue.SimpleQueue()
        for place in range(len(requests)):
            waiting.put(place)

        def work() -> None:
            while not self._stopped.is_set():
                try:
                    place = waiting.get_nowait()
                except queue.Empty:
                    return
                try:
                    done.put((place, ask(requests[place])))
                except BaseException as error:
                    done.put((place, error))

        for _ in range(min(self.limits.concurrency, len(requests))):
            threading.Thread(target=work, daemon=True).start()
        found: dict[int, Result | BaseException] = {}
        try:
            while len(found) < len(requests):
                place, result = done.get()
                found[place] = result
        finally:
            self._stopped.set()
        ordered = [found[place] for place in range(len(requests))]
        refusals = [result for result in ordered if isinstance(result, Refused)]
        if refusals and len(refusals) == len(ordered):
            raise InputError(str(refusals[0]))
        return [_settled(result) for result in ordered]

    def _wait_for_turn(self) -> bool:
        """Waits until the next call may start. False where all is to stop."""
        while True:
            with self._lock:
                now = time.monotonic()
                if now >= self._next:
                    if self.limits.requests_per_minute:
                        self._next = now + 60.0 / self.limits.requests_per_minute
                    return not self._stopped.is_set()
                wait = self._next - now
            if self._stopped.wait(wait):
                return False

    def _pause(self, asked: float | None, count: int) -> None:
        """Waits as long as the server asked, and makes every other call wait too; else backs off alone."""
        if asked is not None:
            with self._lock:
                self._next = max(self._next, time.monotonic() + asked)
            return
        longest = min(self.limits.backoff * 2.0**count, LONGEST_BACKOFF)
        self._stopped.wait(longest * random.uniform(0.5, 1.0))


def _settled(result: Result | BaseException) -> Result:
    if isinstance(result, Drawn | Failure):
        return result
    message = " ".join(str(result).split())[:400]
    named = message if isinstance(result, Refused) else f"{type(result).__name__}: {message}"
    return Failure("error", named)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
