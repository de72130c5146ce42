"""One writer at a time in a run folder. The lock dies with its process, so a crash leaves none behind."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType

from drawbench.errors import InputError

LOCK_NAME = ".lock"


class FolderLock:
    """An exclusive lock on `folder`, held from construction to `release`.

    Raises InputError where another process holds it, and OSError where the lock file cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self._handle = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(self._handle)
        except (BlockingIOError, PermissionError) as error:
            os.close(self._handle)
            raise InputError(
                f"another process is writing to {folder}; wait until it ends, or give another --out"
            ) from error
        except OSError:
            os.close(self._handle)
            raise

    def release(self) -> None:
        """Gives the lock back. The lock file stays: to remove it would race with the next process."""
        os.close(self._handle)

    def __enter__(self) -> FolderLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
