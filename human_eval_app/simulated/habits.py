"""What raters do besides answering: go back, skip, flag, reload, click twice, lose the connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import httpx2 as httpx

from drawbench.errors import InputError
from human_eval_app.simulated.draws import uniform


@dataclass(frozen=True, slots=True)
class Habits:
    """How often, as a share of pages; `lost_requests` and `lost_answers` as a share of requests.

    `hurry` divides the time a rater takes for a page; 0 means no wait beyond the study's least time.
    """

    undo: float = 0.02
    skip: float = 0.01
    flag: float = 0.01
    reload: float = 0.02
    twice: float = 0.02
    lost_requests: float = 0.005
    lost_answers: float = 0.005
    hurry: float = 1.0

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self) if field.name != "hurry"):
            if not 0.0 <= getattr(self, name) <= 0.5:
                raise InputError(f"{name} of simulated raters must be a share between 0 and 0.5")
        if self.hurry < 0.0:
            raise InputError("hurry of simulated raters must be 0 or more")


STEADY = Habits(undo=0, skip=0, flag=0, reload=0, twice=0, lost_requests=0, lost_answers=0)
"""Answers each page once, with a connection that never breaks."""


def failing_line(share: float, seed: int, rater: int, which: str) -> Callable[[], None]:
    """A hook for `RaterClient` that raises a lost connection on a `share` of its calls."""
    calls = 0

    def maybe_lose() -> None:
        nonlocal calls
        calls += 1
        if uniform(seed, "line", which, rater, calls) < share:
            raise httpx.ReadError(f"simulated: {which}")

    return maybe_lose
