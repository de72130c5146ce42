"""Training pictures on disk: renderings of training scenes and where their objects are, memory-mapped."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from drawbench.scenes import digest, render, training_specs
from harness.scenes_judge.labels import COLOUR_LABELS, KINDS, true_detections
from harness.scenes_judge.network import INPUT

MOST = 6
"""Places for objects in a picture's row; the world has at most six."""


@dataclass(frozen=True)
class Store:
    """pictures (N, 128, 128, 3) uint8; kinds, colours (N, 6) intp, kind -1 for no object; boxes (N, 6, 4)."""

    pictures: NDArray[np.uint8]
    kinds: NDArray[np.intp]
    colours: NDArray[np.intp]
    boxes: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.pictures)


def labelled(seed: int, n: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Kinds, colours and boxes of the first n scenes of the training stream `seed`; shapes as in `Store`."""
    kinds = np.full((n, MOST), -1, np.intp)
    colours = np.zeros((n, MOST), np.intp)
    boxes = np.zeros((n, MOST, 4), np.float32)
    for row, example in zip(range(n), training_specs(seed), strict=False):
        for place, seen in enumerate(true_detections(example.scene, example.layout_seed)):
            kinds[row, place] = KINDS.index(seen.kind)
            colours[row, place] = COLOUR_LABELS.index(seen.colour)
            boxes[row, place] = seen.box
    return kinds, colours, boxes


def draw_store(seed: int, n: int) -> Store:
    """The first n pictures of the training stream `seed`, in memory."""
    pictures = [
        render(example.scene, INPUT, example.layout_seed)
        for _, example in zip(range(n), training_specs(seed), strict=False)
    ]
    return Store(np.stack(pictures), *labelled(seed, n))


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
    return Store(np.load(file, mmap_mode="r"), *labelled(seed, n))
