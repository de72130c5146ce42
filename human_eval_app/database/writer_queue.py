"""Where processes that write to one SQLite file wait for their turn.

SQLite's own waiting is by polling at growing intervals, which starves a writer where many are busy. Here the
kernel wakes whoever waits (a lock on a file beside the database, which ends with its process however that
ends). It is only for waiting: what keeps the database right is SQLite's own lock.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform != "win32":
    import fcntl

SUFFIX = "-queue"


class WriterQueue:
    """Lets one writer of a database at a time through, among all threads and processes."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + SUFFIX)
        self._threads = threading.Lock()

    @contextmanager
    def turn(self, seconds: float) -> Iterator[None]:
        """Waits for the turn and keeps it. Raises TimeoutError after `seconds` of waiting."""
        if not self._threads.acquire(timeout=seconds):
            raise TimeoutError
        try:
            handle = self._handle()
            if handle is not None:
                _lock(handle, seconds)
            try:
                yield
            finally:
                if handle is not None:
                    os.close(handle)
        finally:
            self._threads.release()

    def _handle(self) -> int | None:
        if sys.platform == "win32":
            return None
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return None  # a folder that may not be written: SQLite will say so


def _lock(handle: int, seconds: float) -> None:
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    except BlockingIOError:
        pass
    except OSError:
        return  # a file system without such locks: SQLite waits by itself
    # The kernel's wait has no end of its own, so a thread waits; if it comes too late, it gives up the turn.
    settled = threading.Lock()
    arrived = threading.Event()
    late = False

    def wait() -> None:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with settled:
            if late:
                os.close(handle)
            arrived.set()

    threading.Thread(target=wait, daemon=True).start()
    arrived.wait(seconds)
    with settled:
        if not arrived.is_set():
            late = True
            raise TimeoutError
