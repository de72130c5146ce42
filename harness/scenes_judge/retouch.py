"""Changes to single objects of a training picture: repainting, and taking to pieces.

They work on uint8 pictures (S, S, 3) and on the rows that describe their objects, in place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drawbench.scenes import COLOURS
from drawbench.scenes.objects import PAINTS
from harness.scenes_judge.labels import COLOUR_LABELS

Rng = np.random.Generator

_PALETTE = np.array([PAINTS[name] for name in COLOURS], np.float32)
_REACH = 180.0
"""How far from the main fill, in RGB, colours still move with it, the less the farther they are."""
_NOT_GROUND = 24
"""From what difference to the background, in any channel, a pixel belongs to the object."""


@dataclass(frozen=True)
class RetouchConfig:
    """Shares of objects that are repainted and that are scrambled.

    `any_colour` is the share of the repainted ones whose colour is arbitrary and unnamed; the others get one
    of the world's paints with `spread`, a standard deviation in RGB of 255.
    """

    repainted: float = 0.4
    any_colour: float = 0.2
    spread: float = 10.0
    scrambled: float = 0.06


@dataclass(frozen=True)
class Objects:
    """A picture's objects: kinds and colours (K,), kind -1 for none and colour -1 for unknown; boxes (K, 4).

    mains (K, 3) are the RGB values of their main fills.
    """

    kinds: NDArray[np.intp]
    colours: NDArray[np.intp]
    boxes: NDArray[np.float32]
    mains: NDArray[np.uint8]


def repaint(
    picture: NDArray[np.uint8], ground: NDArray[np.uint8], objects: Objects, config: RetouchConfig, rng: Rng
) -> None:
    """Gives some objects another colour, near one of the world's paints or an arbitrary, unnamed one.

    ground: the background without objects, (S, S, 3). Objects of training scenes lack one colour in ten, and
    would be taken for something else in these; so no kind may be known by its colours, nor a colour by the
    kinds that have it. Fills near the main one move with it; outlines, far from it, stay.
    """
    side = len(picture)
    for place in np.flatnonzero(objects.kinds >= 0):
        if rng.random() >= config.repainted:
            continue
        if rng.random() < config.any_colour:
            label, target = -1, 255 * rng.random(3)
        else:
            number = int(rng.integers(len(COLOURS)))
            label = COLOUR_LABELS.index(COLOURS[number])
            target = _PALETTE[number] + config.spread * rng.standard_normal(3)
        x0, y0, x1, y1 = (objects.boxes[place] * side).astype(int)
        inside = (slice(y0, y1 + 1), slice(x0, x1 + 1))
        part = picture[inside].astype(np.float32)
        drawn = np.abs(part - ground[inside]).max(-1) > _NOT_GROUND
        main = objects.mains[place].astype(np.float32)
        near = np.clip(1 - np.linalg.norm(part - main, axis=-1) / _REACH, 0, 1) * drawn
        moved = part + near[..., None] * (target.astype(np.float32) - main)
        picture[inside] = np.clip(moved, 0, 255).astype(np.uint8)
        objects.colours[place] = label


def scramble(picture: NDArray[np.uint8], objects: Objects, share: float, rng: Rng) -> None:
    """Swaps the quarters of some objects crosswise, in place, and strikes them out of `kinds` (-1).

    picture (S, S, 3). The pieces of an object, in its colours, are not that object: a detector that counts
    textures instead of shapes would see it still. Overlapping objects are left alone.
    """
    side, kinds, boxes = len(picture), objects.kinds, objects.boxes
    present = np.flatnonzero(kinds >= 0)
    for place in present:
        if rng.random() >= share:
            continue
        x0, y0, x1, y1 = boxes[place]
        if any(
            other != place
            and boxes[other, 0] < x1
            and boxes[other, 2] > x0
            and boxes[other, 1] < y1
            and boxes[other, 3] > y0
            for other in present
        ):
            continue
        left, top = int(x0 * side), int(y0 * side)
        half_w, half_h = int((x1 - x0) * side) // 2, int((y1 - y0) * side) // 2
        part = picture[top : top + 2 * half_h, left : left + 2 * half_w]
        part[...] = np.roll(part, (half_h, half_w), (0, 1))
        kinds[place] = -1
