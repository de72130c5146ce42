"""Registers a study's pictures: decoded, brought to one frame, written as PNG files that tell nothing.

A picture's id is an HMAC of its pixels under the study's secret. So it is the same wherever the picture is
shown, it depends on no model's name, and without the secret no one can compute it from a picture they have.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from harness.atomic import PARTS_NAME, write_together
from harness.decode import RgbImage
from human_eval_app.pictures.framing import Frame, Size
from human_eval_app.pictures.opaque_png import encode, padded, room
from human_eval_app.pictures.sources import PictureSource
from human_eval_app.studies.design import Picture

MEDIA_TYPE = "image/png"
FILE_TIME = 946_684_800
"""Modification time of every picture file: 2000-01-01, so that it tells nothing."""

_GROUP = 64


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """A picture before it is registered: whose, of which prompt, which sample."""

    source: str
    prompt_id: str
    index: int


def opaque_id(secret: bytes, what: str, content: bytes) -> str:
    """32 hex digits: HMAC-SHA256 of `content` under the secret, `what` keeping the uses of it apart."""
    return hmac.new(secret, what.encode() + b":" + content, hashlib.sha256).hexdigest()[:32]


def native_sizes(slots: Iterable[Slot], sources: Mapping[str, PictureSource]) -> dict[str, list[Size]]:
    """Source name -> (width, height) of each of its pictures; without those that are drawn at any size."""
    sizes: dict[str, list[Size]] = {}
    for slot in slots:
        size = sources[slot.source].size(slot.prompt_id, slot.index)
        if size is not None:
            sizes.setdefault(slot.source, []).append(size)
    return sizes


def register_pictures(
    slots: Sequence[Slot],
    sources: Mapping[str, PictureSource],
    frame: Frame,
    secret: bytes,
    folder: Path,
    *,
    advance: Callable[[int], None] = lambda amount: None,
) -> tuple[dict[Slot, str], tuple[Picture, ...]]:
    """Writes each slot's picture to `folder`/<id>.png; returns slot -> id, and the pictures sorted by id.

    All files have the same length, encoder settings, chunks and modification time. Slots of equal pixels
    share one file. `advance(n)` counts slots. Raises InputError for a picture that cannot be read, OSError
    where a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)

    def prepare(slot: Slot) -> tuple[Slot, str, int]:
        pixels = sources[slot.source].pixels(slot.prompt_id, slot.index, frame)
        picture_id = opaque_id(secret, "picture", _pixel_digest(pixels))
        png = encode(pixels)
        (folder / f"{picture_id}.png").write_bytes(png)
        advance(1)
        return slot, picture_id, len(png)

    ids: dict[Slot, str] = {}
    lengths: dict[str, int] = {}
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for slot, picture_id, length in pool.map(prepare, slots):
            ids[slot] = picture_id
            lengths[picture_id] = length
    length = room(max(lengths.values()))
    pictures = []
    for names in _grouped(sorted(lengths), _GROUP):
        files = [(f"{name}.png", padded((folder / f"{name}.png").read_bytes(), length)) for name in names]
        write_together(folder, files)
        for name, (file, data) in zip(names, files, strict=True):
            os.utime(folder / file, (FILE_TIME, FILE_TIME))
            sha256 = hashlib.sha256(data).hexdigest()
            pictures.append(Picture(name, sha256, frame.width, frame.height, MEDIA_TYPE, len(data)))
    (folder / PARTS_NAME).rmdir()
    return ids, tuple(pictures)


def _pixel_digest(pixels: RgbImage) -> bytes:
    return hashlib.sha256(f"{pixels.shape}".encode() + pixels.tobytes()).digest()


def _grouped(names: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (names[start : start + size] for start in range(0, len(names), size))
