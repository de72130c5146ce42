"""sha256 of weights: remembered, compared with the known ones, and written down where none is known."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path

from drawbench.errors import InputError
from drawbench.sources import cache_dir
from harness.atomic import write_atomic

_CHUNK = 1 << 20


def read_sha256(path: Path) -> str:
    """sha256 of a file's bytes, hexadecimal, read now. Raises OSError where the file cannot be read."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes, hexadecimal.

    Remembered in the cache folder by path, size and time of change, so large files are read once.
    Raises OSError where the file cannot be read.
    """
    stat = path.stat()
    place, mark = str(path.resolve()), [stat.st_size, stat.st_mtime_ns]
    memory = _memory("hashes.json")
    entry = _read(memory).get(place)
    if isinstance(entry, list) and entry[:2] == mark and len(entry) == 3:
        return str(entry[2])
    sha256 = read_sha256(path)
    _remember(memory, place, [*mark, sha256])
    return sha256


def check_sha256(name: str, path: Path, expected: str) -> None:
    """Raises InputError where the file's sha256 is not the expected one."""
    actual = file_sha256(path)
    if actual != expected:
        raise InputError(
            f"{path} is not the known {name}: sha256 {actual}, expected {expected}; "
            f"remove it or replace it by the right file"
        )


def first_used(key: str) -> str | None:
    """The sha256 of weights when they were first used here, for those whose publisher names none."""
    sha256 = _read(_memory("first-used.json")).get(key)
    return sha256 if isinstance(sha256, str) else None


def record_first_use(key: str, sha256: str) -> None:
    """Writes down a sha256 unless one is there. Does nothing where the cache cannot be written to."""
    if first_used(key) is None:
        _remember(_memory("first-used.json"), key, sha256)


def _memory(name: str) -> Path:
    return cache_dir() / "weights" / name


def _read(memory: Path) -> dict[str, object]:
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _remember(memory: Path, key: str, value: object) -> None:
    known = {**_read(memory), key: value}
    with contextlib.suppress(OSError):
        memory.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(memory, json.dumps(known, indent=1).encode())
