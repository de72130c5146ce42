"""Training pairs on disk: pictures and token states as memory maps, made once, read without copying.

Rendering and text encoding inside the training loop would halve its speed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imagen.text import MiniLM

Pair = tuple[NDArray[np.uint8], str]
Report = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class PairStore:
    """Memory-mapped pairs. `pictures`: (N, S, S, 3) uint8; `caption`: (N,) index into `offsets`;

    the states of caption c are `states[offsets[c]:offsets[c + 1]]`, (T, D) float16.
    """

    pictures: NDArray[np.uint8]
    caption: NDArray[np.int64]
    offsets: NDArray[np.int64]
    states: NDArray[np.float16]
    captions: tuple[str, ...]

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
        )

    def batch_pictures(self, indices: NDArray[np.int64]) -> Tensor:
        """uint8 (B, 3, S, S)."""
        return torch.from_numpy(self.pictures[indices]).permute(0, 3, 1, 2)

    def batch_text(self, indices: NDArray[np.int64], drop: NDArray[np.bool_]) -> tuple[Tensor, Tensor]:
        """Padded states (B, T, D) float32 and mask (B, T). A dropped text is one zero token (section 4.1)."""
        rows = [
            np.zeros((1, self.states.shape[1]), np.float16)
            if dropped
            else self.states[self.offsets[c] : self.offsets[c + 1]]
            for c, dropped in zip(self.caption[indices], drop, strict=True)
        ]
        states = np.zeros((len(rows), max(map(len, rows)), self.states.shape[1]), np.float32)
        mask = np.zeros(states.shape[:2], np.bool_)
        for i, row in enumerate(rows):
            states[i, : len(row)] = row
            mask[i, : len(row)] = True
        return torch.from_numpy(states), torch.from_numpy(mask)


def write_pairs(pairs: Iterable[Pair], n: int, folder: Path, encoder: MiniLM, report: Report) -> PairStore:
    """Takes n pairs, encodes each distinct caption once, and writes all of it under `folder`.

    `meta.json` comes last: a folder without it is unfinished and is made again. Raises ValueError when the
    pairs run out early.
    """
    folder.mkdir(parents=True, exist_ok=True)
    numbers: dict[str, int] = {}
    caption = np.zeros(n, np.int64)
    pictures: np.memmap[Any, np.dtype[np.uint8]] | None = None
    done = 0
    for picture, text in islice(pairs, n):
        if pictures is None:
            shape = (n, *picture.shape)
            pictures = np.lib.format.open_memmap(folder / "pictures.npy", "w+", np.uint8, shape)
        pictures[done] = picture
        caption[done] = numbers.setdefault(text, len(numbers))
        done += 1
        if done % 1000 == 0:
            report("pictures", done, n)
    if pictures is None or done < n:
        raise ValueError(f"the data ended after {done} pairs, {n} were asked for")
    pictures.flush()
    states, offsets = _encode(list(numbers), encoder, report)
    for name, array in (("caption", caption), ("offsets", offsets), ("states", states)):
        np.save(folder / f"{name}.npy", array)
    meta: dict[str, Any] = {
        "pairs": n,
        "encoder": encoder.identity_of(encoder.folder),
        "captions": list(numbers),
    }
    (folder / "meta.json").write_text(json.dumps(meta, ensure_ascii=False), "utf-8")
    return PairStore.open(folder)


def _encode(
    captions: list[str], encoder: MiniLM, report: Report, batch: int = 256
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
