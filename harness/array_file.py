"""Arrays on disk that tell whether they are whole: .npy with a checksum behind it."""

from __future__ import annotations

import io
import os
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_CHECK = 4


def load_array(path: Path) -> NDArray[np.float32] | None:
    """The float32 array that `save_array` wrote, or None where there is none, or it is torn or altered."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    body, check = data[:-_CHECK], data[-_CHECK:]
    if zlib.crc32(body).to_bytes(_CHECK, "little") != check:
        return None
    try:
        array = np.load(io.BytesIO(body), allow_pickle=False)
    except (ValueError, EOFError, OSError):
        return None
    return array if isinstance(array, np.ndarray) and array.dtype == np.float32 else None


def save_array(path: Path, array: NDArray[np.float32]) -> None:
    """Writes beside `path` and renames into place, so that other processes see all of it or nothing.

    Not flushed to the disk: what a power cut tears, `load_array` calls absent. `numpy.load` reads the file
    too. Raises OSError.
    """
    body = io.BytesIO()
    np.save(body, np.ascontiguousarray(array, np.float32), allow_pickle=False)
    data = body.getvalue()
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data + zlib.crc32(data).to_bytes(_CHECK, "little"))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
