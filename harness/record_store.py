"""Small records on disk by key: safe against crashes and for several processes at once, without locks.

A folder holds segments, files that are only ever appended to, each by the one process that made it. A record
is its key, its length, a checksum and its bytes. A reader walks the heads of all segments once and then reads
records where they lie. What a crash tore or a disk altered fails its checksum and counts as absent; a record
written again is found in place of an older one.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import struct
import threading
import zlib
from collections.abc import Sequence
from io import FileIO
from pathlib import Path

_HEAD = struct.Struct("<32sII")  # key, length of the bytes, checksum of key, length and bytes
_SUFFIX = ".records"


class RecordStore:
    """Bytes by a sha256 (hexadecimal) in one folder.

    What other processes add after this object was made is not seen. `note` is written into the folder for
    people. A folder that cannot be written to is used for reading only. Threads may share an object.
    """

    def __init__(self, folder: Path, note: str = "") -> None:
        self.folder = folder
        self._note = note
        self._own: Path | None = None
        self._writable = True
        self._lock = threading.Lock()
        self._places: dict[bytes, tuple[Path, int, int]] = {}
        for segment in _segments(folder):
            with contextlib.suppress(OSError):
                self._walk(segment)

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Each key's bytes, or None where there are none, or none that are whole."""
        found: list[bytes | None] = []
        files: dict[Path, FileIO | None] = {}
        try:
            for key in keys:
                raw = bytes.fromhex(key)
                place = self._places.get(raw)
                if place is None:
                    found.append(None)
                    continue
                segment, offset, length = place
                if segment not in files:
                    files[segment] = _open(segment)
                found.append(_read(files[segment], raw, offset, length))
        finally:
            for file in files.values():
                if file is not None:
                    file.close()
        return found

    def put_many(self, records: Sequence[tuple[str, bytes]]) -> bool:
        """Appends records. False where the folder cannot be written to; nothing of them is then stored.

        They are not flushed to the disk: what a power cut tears counts as absent.
        """
        with self._lock:
            if not self._writable:
                return False
            try:
                segment = self._segment()
                self._append(segment, [(bytes.fromhex(key), data) for key, data in records])
            except OSError:
                self._writable = False
            return self._writable

    def _append(self, segment: Path, records: Sequence[tuple[bytes, bytes]]) -> None:
        places = {}
        with segment.open("ab") as file:
            start = offset = file.seek(0, os.SEEK_END)
            try:
                for key, data in records:
                    file.write(_HEAD.pack(key, len(data), _check(key, data)) + data)
                    places[key] = (segment, offset, len(data))
                    offset += _HEAD.size + len(data)
                file.flush()
            except OSError:
                with contextlib.suppress(OSError):
                    os.truncate(segment, start)
                raise
        self._places.update(places)

    def _segment(self) -> Path:
        if self._own is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            note = self.folder / "identity.txt"
            if self._note and not note.exists():
                note.write_text(self._note + "\n", encoding="utf-8")
            self._own = self.folder / f"{os.getpid()}-{secrets.token_hex(8)}{_SUFFIX}"
        return self._own

    def _walk(self, segment: Path) -> None:
        """Notes where the records of a segment lie. A length that was altered loses what comes after it."""
        with segment.open("rb", buffering=0) as file:
            end, offset = file.seek(0, os.SEEK_END), 0
            while offset + _HEAD.size <= end:
                file.seek(offset)
                key, length, _ = _HEAD.unpack(file.read(_HEAD.size))
                if offset + _HEAD.size + length > end:
                    return
                self._places[key] = (segment, offset, length)
                offset += _HEAD.size + length


def _segments(folder: Path) -> list[Path]:
    """Oldest first, so that what was written again replaces what it was written for."""
    try:
        return sorted(folder.glob(f"*{_SUFFIX}"), key=lambda path: (path.stat().st_mtime_ns, path.name))
    except OSError:
        return []


def _open(segment: Path) -> FileIO | None:
    try:
        return segment.open("rb", buffering=0)
    except OSError:
        return None


def _read(file: FileIO | None, key: bytes, offset: int, length: int) -> bytes | None:
    if file is None:
        return None
    try:
        file.seek(offset)
        record = file.read(_HEAD.size + length)
    except OSError:
        return None
    if len(record) != _HEAD.size + length:
        return None
    stored, _, check = _HEAD.unpack_from(record)
    data = record[_HEAD.size :]
    return data if stored == key and check == _check(key, data) else None


def _check(key: bytes, data: bytes) -> int:
    return zlib.crc32(data, zlib.crc32(key + len(data).to_bytes(4, "little")))
