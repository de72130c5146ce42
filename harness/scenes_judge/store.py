"""Training pictures on disk: renderings of training scenes and where their objects are, memory-mapped."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from drawbench.scenes import BACKGROUNDS, digest, layout, render, training_specs
from harness.scenes_judge.labels import COLOUR_LABELS, KINDS, main_fill, own_colour
from harness.scenes_judge.network import INPUT

MOST = 6
"""Places for objects in a picture's row; the world has at most six."""


GROUNDS: tuple[str | None, ...] = (None, *BACKGROUNDS)


@dataclass(frozen=True)
class Labels:
    """What N pictures show. kinds, colours: (N, 6) indices, kind -1 for no object; boxes: (N, 6, 4) in 0..1;
    mains: (N, 6, 3), RGB of the main fills; grounds: (N,) indices into GROUNDS."""

    kinds: NDArray[np.intp]
    colours: NDArray[np.intp]
    boxes: NDArray[np.float32]
    mains: NDArray[np.uint8]
    grounds: NDArray[np.intp]


@dataclass(frozen=True)
class Store:
    """pictures (N, 128, 128, 3) uint8 and their labels."""

    pictures: NDArray[np.uint8]
    labels: Labels

    def __len__(self) -> int:
        return len(self.pictures)


def labelled(seed: int, n: int) -> Labels:
    """The labels of the first n scenes of the training stream `seed`."""
    kinds = np.full((n, MOST), -1, np.intp)
    colours = np.zeros((n, MOST), np.intp)
    boxes = np.zeros((n, MOST, 4), np.float32)
    mains = np.zeros((n, MOST, 3), np.uint8)
    grounds = np.zeros(n, np.intp)
    for row, example in zip(range(n), training_specs(seed), strict=False):
        grounds[row] = GROUNDS.index(example.scene.background)
        drawings = [p for p in layout(example.scene, example.layout_seed) if p.kind == "drawing"]
        for place, item in enumerate(drawings):
            kinds[row, place] = KINDS.index(item.name)
            colours[row, place] = COLOUR_LABELS.index(item.colour or own_colour(item.name))
            boxes[row, place] = item.box
            mains[row, place] = main_fill(item.name, item.colour)
    return Labels(kinds, colours, boxes, mains, grounds)


def draw_store(seed: int, n: int) -> Store:
    """The first n pictures of the training stream `seed`, in memory."""
    pictures = [
        render(example.scene, INPUT, example.layout_seed)
        for _, example in zip(range(n), training_specs(seed), strict=False)
    ]
    return Store(np.stack(pictures), labelled(seed, n))


def open_store(folder: Path, seed: int, n: int) -> Store:
    """The first n pictures of the training stream `seed`, drawn into `folder` unless they are there.

    Raises ValueError where the folder holds other pictures.
    """
    wanted = {"seed": seed, "n": n, "size": INPUT, "world": digest()}
    meta, file = folder / "meta.json", folder / "pictures.npy"
    if meta.exists():
        held = json.loads(meta.read_text())
        if held != wanted:
            raise ValueError(f"{folder} holds other pictures ({held}); give another --pictures-folder")
    else:
        folder.mkdir(parents=True, exist_ok=True)
        out = np.lib.format.open_memmap(file, "w+", np.uint8, (n, INPUT, INPUT, 3))
        began = time.monotonic()
        for row, example in zip(range(n), training_specs(seed), strict=False):
            out[row] = render(example.scene, INPUT, example.layout_seed)
            if (row + 1) % 5000 == 0:
                left = (time.monotonic() - began) / (row + 1) * (n - row - 1)
                print(f"drawn {row + 1}/{n} pictures, {left:.0f} s left", flush=True)
        out.flush()
        meta.write_text(json.dumps(wanted))
    return Store(np.load(file, mmap_mode="r"), labelled(seed, n))
