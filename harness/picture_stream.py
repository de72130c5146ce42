"""Picture files read, checked, decoded and prepared in threads; in order, a bounded number at a time.

Threads and not processes: Pillow decodes and resizes without Python's lock (1.9 and 1.5 times faster in two
threads than in one), and a network's engine computes without it as well.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from harness.decode import PictureError, RgbImage, decode_rgb

GROUP = 8
_MOST_WORKERS = 8


@dataclass(frozen=True, slots=True)
class Item:
    """A picture file to look at. `sha256` is the one it must have, None where any will do."""

    path: Path
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """An item after its file was read: `prepared` holds (reader's number, what it prepared).

    `reason` says why the picture cannot be used, None where it can.
    """

    place: int
    sha256: str = ""
    prepared: tuple[tuple[int, Any], ...] = ()
    reason: str | None = None


class Reader(Protocol):
    """One who wants pictures. Both methods are called from several threads at once."""

    def lacks(self, sha256: str) -> bool:
        """Whether it has yet to see the picture of that sha256."""
        ...

    def prepare(self, image: RgbImage) -> Any:
        """What it keeps of a decoded picture until it looks at it."""
        ...


def default_workers() -> int:
    """As many threads as there are processors for this process, at most 8."""
    try:
        available = len(os.sched_getaffinity(0))
    except AttributeError:  # only Linux tells
        available = os.cpu_count() or 1
    return min(_MOST_WORKERS, available)


def open_pictures(
    items: Sequence[Item], readers: Sequence[Reader], workers: int
) -> Generator[Opened, None, None]:
    """Every item in order, read by `workers` threads that are at most (workers + 1) * GROUP items ahead.

    A picture is decoded once, and only where a reader lacks it. Nothing is raised for a bad file.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    waiting: deque[Future[list[Opened]]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="pictures")
    try:
        for start in range(0, len(items), GROUP):
            places = range(start, min(start + GROUP, len(items)))
            waiting.append(pool.submit(lambda some: [_open(p, items[p], readers) for p in some], places))
            if len(waiting) > workers:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _open(place: int, item: Item, readers: Sequence[Reader]) -> Opened:
    try:
        data, sha256 = read_picture(item)
        wanting = [number for number, reader in enumerate(readers) if reader.lacks(sha256)]
        if not wanting:
            return Opened(place, sha256)
        image = decode_rgb(data)
    except PictureError as error:
        return Opened(place, reason=str(error))
    return Opened(place, sha256, tuple((number, readers[number].prepare(image)) for number in wanting))


def read_picture(item: Item) -> tuple[bytes, str]:
    """A file's bytes and their sha256. Raises PictureError where it is not there or not the recorded one."""
    try:
        data = item.path.read_bytes()
    except OSError as error:
        raise PictureError(f"cannot be read: {error.strerror or error}") from None
    sha256 = hashlib.sha256(data).hexdigest()
    if item.sha256 is not None and sha256 != item.sha256:
        raise PictureError("changed since it was made: its sha256 is not the recorded one")
    return data, sha256
