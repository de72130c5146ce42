"""Training pairs on disk: pictures and token states as memory maps, made once, read without copying.

Decoding, rendering and text encoding inside the training loop would halve its speed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imagen.checkpoint import replace_atomically
from imagen.text import TextEncoder, TokenStates, collate, null_text

Pair = tuple[NDArray[np.uint8], str]
Report = Callable[[str, int, int | None], None]


@dataclass(frozen=True, slots=True)
class PairStore:
    """Memory-mapped pairs. `pictures`: (N, S, S, 3) uint8; `caption`: (N,) index into `offsets`;

    the states of caption c are `states[offsets[c]:offsets[c + 1]]`, (T, D) float16. `about` tells where the
    pairs came from and what was left out.
    """

    pictures: NDArray[np.uint8]
    caption: NDArray[np.int64]
    offsets: NDArray[np.int64]
    states: NDArray[np.float16]
    captions: tuple[str, ...]
    about: dict[str, Any]

    @classmethod
    def open(cls, folder: Path) -> PairStore:
        """Opens what `write_pairs` wrote. Raises ValueError when it is missing or unfinished."""
        if not (folder / "meta.json").exists():
            raise ValueError(f"{folder} holds no finished training pairs")
        meta = json.loads((folder / "meta.json").read_text("utf-8"))
        return cls(
            np.load(folder / "pictures.npy", mmap_mode="r"),
            np.load(folder / "caption.npy"),
            np.load(folder / "offsets.npy"),
            np.load(folder / "states.npy", mmap_mode="r"),
            tuple(meta["captions"]),
            {name: value for name, value in meta.items() if name != "captions"},
        )

    @property
    def side(self) -> int:
        """Pixels of a picture's side."""
        return int(self.pictures.shape[1])

    def batch_pictures(
        self, indices: NDArray[np.int64], crop: int = 0, corners: NDArray[np.int64] | None = None
    ) -> Tensor:
        """uint8 (B, 3, S, S); with `crop` the squares of so many pixels whose (y, x) are `corners` (B, 2)."""
        if corners is None:
            return torch.from_numpy(self.pictures[indices]).permute(0, 3, 1, 2)
        cut = [
            self.pictures[i, y : y + crop, x : x + crop] for i, (y, x) in zip(indices, corners, strict=True)
        ]
        return torch.from_numpy(np.stack(cut)).permute(0, 3, 1, 2)

    def text(self, index: int) -> TokenStates:
        """The caption of pair number `index`, in float32."""
        c = self.caption[index]
        states = self.states[self.offsets[c] : self.offsets[c + 1]]
        return TokenStates(torch.from_numpy(states.astype(np.float32)), 0)

    def batch_text(self, indices: NDArray[np.int64], drop: NDArray[np.bool_]) -> tuple[Tensor, Tensor]:
        """Padded states (B, T, D) float32 and mask (B, T). A dropped text is one zero token (section 4.1)."""
        nothing = null_text(self.states.shape[1])
        return collate(
            [nothing if dropped else self.text(i) for i, dropped in zip(indices, drop, strict=True)]
        )


def write_pairs(
    pairs: Iterable[Pair],
    n: int | None,
    folder: Path,
    encoder: TextEncoder,
    report: Report,
    about: Callable[[], dict[str, Any]] = dict,
) -> PairStore:
    """Takes n pairs, or all, encodes each distinct caption once, and writes all of it under `folder`.

    `about` is asked at the end and kept with the pairs. `meta.json` comes last: a folder without it is
    unfinished and is made again. Raises ValueError when the pairs run out early or do not fit together, and
    leaves nothing behind then.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        caption, captions = _write_pictures(pairs, n, folder / "pictures.npy", report)
    except ValueError:
        (folder / "pictures.npy").unlink(missing_ok=True)
        for path in missing:
            path.rmdir()
        raise
    states, offsets = _encode(captions, encoder, report)
    for name, array in (("caption", caption), ("offsets", offsets), ("states", states)):
        np.save(folder / f"{name}.npy", array)
    meta: dict[str, Any] = {
        **about(),
        "pairs": len(caption),
        "encoder": encoder.identity(),
        "captions": captions,
    }
    temporary = folder / "meta.tmp"
    temporary.write_text(json.dumps(meta, ensure_ascii=False), "utf-8")
    replace_atomically(temporary, folder / "meta.json")
    return PairStore.open(folder)


def _write_pictures(
    pairs: Iterable[Pair], n: int | None, path: Path, report: Report
) -> tuple[NDArray[np.int64], list[str]]:
    """Streams the pictures into one array on disk; gives each one's caption number, and the captions."""
    numbers: dict[str, int] = {}
    caption: list[int] = []
    shape: tuple[int, ...] = ()
    with path.open("wb") as file:
        for picture, text in _whole(islice(pairs, n)):
            if not shape:
                shape = picture.shape
                began = _write_header(file, (0, *shape))
            if picture.shape != shape:
                raise ValueError(
                    f"picture number {len(caption)} is {len(picture)} px wide, those before it {shape[0]} px"
                )
            file.write(picture.tobytes())
            caption.append(numbers.setdefault(text, len(numbers)))
            if len(caption) % 1000 == 0:
                report("pictures", len(caption), n)
        if not caption or (n is not None and len(caption) < n):
            raise ValueError(f"the data ended after {len(caption)} pairs, {n or 'some'} were asked for")
        file.seek(0)
        if _write_header(file, (len(caption), *shape)) != began:
            raise ValueError(f"{len(caption)} pictures do not fit into the header of {path}")
    return np.array(caption, np.int64), list(numbers)


def _whole(pairs: Iterable[Pair]) -> Iterator[Pair]:
    """Only passes on square RGB pictures in 8 bits with a text. Raises ValueError on anything else."""
    for number, (picture, text) in enumerate(pairs):
        if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8 or picture.ndim != 3:
            raise ValueError(f"picture number {number} is no uint8 array of shape (S, S, 3)")
        if picture.shape[0] != picture.shape[1] or picture.shape[2] != 3:
            raise ValueError(f"picture number {number} has shape {picture.shape}, not (S, S, 3)")
        if not isinstance(text, str):
            raise ValueError(f"the caption of picture number {number} is no text but {text!r}")
        yield picture, text


def _write_header(file: BinaryIO, shape: tuple[int, ...]) -> int:
    """Writes an .npy header and tells its length. Numpy pads it so that the first axis may still grow."""
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.tell()


def _encode(
    captions: list[str], encoder: TextEncoder, report: Report, batch: int = 256
) -> tuple[NDArray[np.float16], NDArray[np.int64]]:
    """States of all captions end to end, and where each begins. Batched by length: little is padded."""
    order = sorted(range(len(captions)), key=lambda i: len(captions[i]))
    rows: list[NDArray[np.float16]] = [np.empty((0, encoder.dim), np.float16)] * len(captions)
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        encoded = encoder.encode_padded([captions[i] for i in chosen])
        for i, text in zip(chosen, encoded, strict=True):
            rows[i] = text.states.numpy().astype(np.float16)
        report("captions", min(start + batch, len(order)), len(order))
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    return np.concatenate(rows), offsets
