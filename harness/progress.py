"""Progress on stderr: a bar with the time left on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import TracebackType
from typing import Protocol, TextIO

PLAIN_LINE_SECONDS = 10.0

Advance = Callable[[int], None]


class Progress(Protocol):
    """Shows how far each stage of a run is."""

    def stage(self, name: str, total: int) -> AbstractContextManager[Advance]:
        """A stage of `total` pieces. Calling the value adds finished pieces."""
        ...


class NoProgress:
    """Shows nothing."""

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        yield lambda amount: None


class PlainProgress:
    """Lines such as "drawing: 40 of 200, about 3 min left": at the start, each 10 seconds, at the end."""

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._clock = clock

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        start = said = self._clock()
        done = 0

        def advance(amount: int) -> None:
            nonlocal done, said
            done += amount
            now = self._clock()
            if 0 < done < total and now - said >= PLAIN_LINE_SECONDS:
                said = now
                left = (now - start) / done * (total - done)
                self._say(f"{name}: {done} of {total}, about {duration(left)} left")

        self._say(f"{name}: 0 of {total}")
        yield advance
        self._say(f"{name}: {done} of {total}, took {duration(self._clock() - start)}")

    def _say(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


class BarProgress:
    """Rich's progress bar, for a terminal."""

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("took"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(name, total=total)
            yield lambda amount: bar.advance(task, amount)


class StageCalls:
    """Shows progress that is told as calls `(stage, done, total)` of one stage after the other."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._open = ExitStack()
        self._stage: str | None = None
        self._done = 0
        self._advance: Advance = lambda amount: None

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage != self._stage:
            self._open.close()
            self._advance = self._open.enter_context(self._progress.stage(stage, total))
            self._stage, self._done = stage, 0
        self._advance(done - self._done)
        self._done = done

    def __enter__(self) -> StageCalls:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()


def make_progress() -> Progress:
    """A bar where stderr is a terminal, else plain lines."""
    return BarProgress() if sys.stderr.isatty() else PlainProgress()


def duration(seconds: float) -> str:
    """A length of time for people: "0.4 s", "12 s", "3 min", "2 h 5 min"."""
    if seconds < 1:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
