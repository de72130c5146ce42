"""Token states on disk by content: two files for any number of texts, however many processes write.

`states.pack` holds the numbers (bfloat16, trimmed to each text's length) end to end, `states.index` one entry
of 64 bytes a text. Both only grow. A writer appends the numbers first and their entry last, under a lock that
dies with its process: a kill at any moment leaves at worst bytes that no entry names. An entry carries a
checksum over itself and its numbers, so whatever is torn or altered counts as absent and is made again.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imagen.text.states import TokenStates

_ENTRY: Final = struct.Struct("<32sQIIII8s")  # text, offset, T, D, truncated, P, checksum
_ALIGN: Final = 64


class StateStore:
    """States of one encoder's texts, under `folder`/<hash of identity>.

    `identity` names all that the states depend on beside the text. Reading maps the pack into memory. Where
    the folder cannot be written to, it is used for reading only.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self._identity = identity
        self.folder = folder / hashlib.sha256(identity.encode()).hexdigest()[:16]
        self._pack, self._index = self.folder / "states.pack", self.folder / "states.index"
        self._places: dict[bytes, int] = {}  # text -> where its newest entry begins in `_entries`
        self._entries = bytearray()
        self._inode = 0
        self._map: mmap.mmap | None = None

    def get(self, text: str) -> TokenStates | None:
        """A text's states as float32, or None where none are stored whole."""
        key = self._key(text)
        if key not in self._places:
            self._read_index()
        place = self._places.get(key)
        if place is None:
            return None
        head = bytes(self._entries[place : place + _ENTRY.size])
        _, offset, tokens, dim, truncated, pooled, checksum = _ENTRY.unpack(head)
        numbers = self._numbers(offset, 2 * (tokens * dim + pooled))
        if numbers is None or _checksum(head, numbers) != checksum or tokens * dim == 0:
            del self._places[key]
            return None
        values = _to_float32(np.frombuffer(numbers, np.uint16))
        states = values[: tokens * dim].reshape(tokens, dim)
        return TokenStates(states, truncated, values[tokens * dim :] if pooled else None)

    def put(self, encoded: Mapping[str, TokenStates]) -> bool:
        """Stores states, rounded to bfloat16. False where they cannot be written, and are not stored."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with _locked(self.folder / ".lock"):
                self._append(encoded)
        except OSError:
            return False
        return True

    def _append(self, encoded: Mapping[str, TokenStates]) -> None:
        named = self.folder / "identity.txt"  # for people
        if not named.exists():
            named.write_text(self._identity + "\n", "utf-8")
        entries = []
        with self._pack.open("ab") as pack:
            offset = pack.seek(0, os.SEEK_END)
            for text, states in encoded.items():
                padding = -offset % _ALIGN
                numbers = _to_bytes(states)
                tokens, dim = states.states.shape
                pooled = 0 if states.own_pooled is None else len(states.own_pooled)
                entry = (self._key(text), offset + padding, tokens, dim, states.truncated, pooled)
                checksum = _checksum(_ENTRY.pack(*entry, b""), numbers)
                pack.write(bytes(padding) + numbers)
                entries.append(_ENTRY.pack(*entry, checksum))
                offset += padding + len(numbers)
        with self._index.open("ab") as index:
            size = index.seek(0, os.SEEK_END)
            index.truncate(size - size % _ENTRY.size)  # the tail that a killed writer left
            index.write(b"".join(entries))

    def _key(self, text: str) -> bytes:
        return hashlib.sha256(f"{self._identity}\0{text}".encode()).digest()

    def _read_index(self) -> None:
        """Takes up the entries that have come since, or all of them where the file is another one."""
        try:
            with self._index.open("rb") as file:
                stat = os.fstat(file.fileno())
                if stat.st_ino != self._inode or stat.st_size < len(self._entries):
                    self._places, self._entries, self._map = {}, bytearray(), None
                    self._inode = stat.st_ino
                begin = len(self._entries)
                file.seek(begin)
                fresh = file.read()
        except OSError:
            return
        self._entries += fresh[: len(fresh) - len(fresh) % _ENTRY.size]
        for place in range(begin, len(self._entries), _ENTRY.size):
            self._places[bytes(self._entries[place : place + 32])] = place

    def _numbers(self, offset: int, length: int) -> bytes | None:
        """Bytes of the pack; None where it is not that long."""
        if self._map is None or offset + length > len(self._map):
            try:
                with self._pack.open("rb") as file:
                    self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except (OSError, ValueError):  # no pack, or an empty one
                self._map = None
                return None
        return self._map[offset : offset + length] if offset + length <= len(self._map) else None


def _checksum(entry: bytes, numbers: bytes) -> bytes:
    return hashlib.blake2b(entry[:-8] + numbers, digest_size=8).digest()


def _to_bytes(text: TokenStates) -> bytes:
    parts = [text.states] if text.own_pooled is None else [text.states, text.own_pooled]
    halves = torch.cat([part.flatten() for part in parts]).to(torch.bfloat16)
    raw: NDArray[np.int16] = halves.view(torch.int16).cpu().numpy()
    return raw.astype("<i2").tobytes()


def _to_float32(halves: NDArray[np.uint16]) -> Tensor:
    """bfloat16, as its bits, to float32: they are its upper half."""
    return torch.from_numpy((halves.astype(np.uint32) << 16).view(np.float32))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Waits for the lock and holds it. It dies with its process. Raises OSError where there are no locks."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _lock(handle)
        yield
    finally:
        os.close(handle)


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_LOCK, 1)

else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX)
