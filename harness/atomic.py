"""Files that are there whole or not at all."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from drawbench.errors import InputError

PART_SUFFIX = ".part"
PARTS_NAME = ".parts"
GROUP = 4


def write_atomic(path: Path, data: bytes) -> None:
    """Writes `data` beside `path`, flushes it to the disk and renames it into place.

    A crash at any moment leaves the old file or the new one, and at worst a hidden `.part` file.
    Raises OSError; the `.part` file is then removed where that is possible.
    """
    part = path.with_name(f".{path.name}{PART_SUFFIX}")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)  # noqa: PTH105, as below
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def write_together(folder: Path, files: Sequence[tuple[str, bytes]]) -> None:
    """Writes files (path relative to `folder`, bytes) with one wait for the disk where the system has that.

    All of them are written under other names in `folder/.parts`, flushed, and then renamed into place, so
    each is there whole or not at all. Several processes may write to one folder. Raises OSError; what has
    not its name by then is removed where that is possible.
    """
    if not files:
        return
    parts = folder / PARTS_NAME
    root, hidden = str(folder), str(parts)
    written: list[str] = []
    mine = f"{os.getpid():x}-{os.urandom(6).hex()}"
    try:
        parts.mkdir(parents=True, exist_ok=True)
        together = len(files) >= GROUP and _SYNC_FILESYSTEM is not None
        for number, (_, data) in enumerate(files):
            part = f"{hidden}/{mine}-{number}{PART_SUFFIX}"
            written.append(part)
            with open(part, "wb") as file:  # noqa: PTH123, a Path for each of a million files takes its time
                file.write(data)
                if not together:
                    file.flush()
                    os.fsync(file.fileno())
        if together and _SYNC_FILESYSTEM is not None:
            _SYNC_FILESYSTEM(hidden)
        for part, (relative, _) in zip(written, files, strict=True):
            target = f"{root}/{relative}"
            try:
                os.replace(part, target)  # noqa: PTH105
            except FileNotFoundError:
                os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120
                os.replace(part, target)  # noqa: PTH105
    except BaseException:
        for part in written:
            with suppress(OSError):
                os.unlink(part)  # noqa: PTH108
        raise


def remove_parts(*folders: Path) -> None:
    """Removes the `.part` files that killed processes left in the folders and in their `.parts`."""
    stale = [
        path
        for folder in folders
        for pattern in (f".*{PART_SUFFIX}", f"{PARTS_NAME}/*{PART_SUFFIX}")
        for path in folder.glob(pattern)
        if path.is_file()
    ]
    for path in stale:
        path.unlink(missing_ok=True)


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Turns an OSError (full disk, read-only folder, ...) into an InputError that says what to do."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        what = error.filename or folder
        raise InputError(
            f"cannot write to {what}: {why}; what is finished is kept, "
            "so make room or give another --out, and run the same command again"
        ) from error


def _find_sync_filesystem() -> Callable[[str], None] | None:
    """Linux's syncfs: waits until all that was written to a folder's file system is on its disk."""
    if not sys.platform.startswith("linux"):
        return None
    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:
        return None

    def sync(folder: str) -> None:
        handle = os.open(folder, os.O_RDONLY)
        try:
            if syncfs(handle) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number), folder)
        finally:
            os.close(handle)

    return sync


_SYNC_FILESYSTEM = _find_sync_filesystem()
