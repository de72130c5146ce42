"""Engines: where and how a model's requests are carried out. Found by `harness.engines.registry`.

An engine starts a crew, and the crew answers requests: it asks the model, checks what comes back, writes the
pictures, and tells what became of each request. The run's own process alone writes the ledger.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol

from harness.models.recipe import Recipe
from harness.picture_place import PicturePlace
from harness.types import Model, Request, Status


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request: a picture of hash `sha256`, written in its place, or none for a `reason`.

    `seconds` is its share of the time that its batch took, `cost` in US dollars what it cost, where told.
    """

    status: Status
    sha256: str | None
    seconds: float | None
    reason: str | None = None
    notes: tuple[str, ...] = ()
    cost: float | None = None


Answers = Sequence[tuple[int, Outcome]]


@dataclass(frozen=True)
class Job:
    """What holds for all requests of a run.

    `identity` is the model's. `size` is the (width, height) its pictures must have, None for any. `place` is
    where they go. `recipe` makes the model in another process, and is None where only this one has it.
    """

    identity: Mapping[str, Any]
    size: tuple[int, int] | None
    place: PicturePlace
    recipe: Recipe | None = None


class Crew(Protocol):
    """Who carries out requests. A context manager: at its end all that was started is stopped."""

    def carry_out(self, requests: Sequence[Request], batch_size: int) -> Iterator[Answers]:
        """Yields (place in `requests`, outcome) pairs, some at a time, as they come, each place once.

        What is yielded is finished: its picture is written. An exception of the model fails the samples that
        raise it when asked alone, and no others. Only InputError is passed on: it says that no request can be
        served.
        """
        ...

    def __enter__(self) -> Crew: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Engine(Protocol):
    """Knows how to bring requests to a model."""

    def start(self, model: Model, job: Job, upcoming: Sequence[Request]) -> Crew:
        """A crew with the model's weights loaded, or about to be. `upcoming` are the requests known so far.

        An engine that works in this process uses `model`; others make theirs from `job.recipe`. Raises
        InputError where the model cannot be loaded or the engine cannot work here.
        """
        ...
