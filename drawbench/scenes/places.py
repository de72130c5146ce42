"""Where things stand: canonical places with a little jitter, in coordinates free of any pixel size."""

from __future__ import annotations

import random
from dataclasses import dataclass

from drawbench.scenes.grammar import Scene, Thing
from drawbench.scenes.objects import DRAWINGS
from drawbench.scenes.sprites import SIGN_ASPECT

SHIFT = 0.03
STRETCH = 0.06
EDGE = 0.015
"""Nothing comes nearer to the frame than this."""

Box = tuple[float, float, float, float]
_Cell = tuple[float, float, float, float]  # centre x, centre y, greatest width, greatest height

_NEAR, _FAR = 0.255, 0.745  # the middles of the two halves
_ONE: tuple[_Cell, ...] = ((0.5, 0.5, 0.80, 0.66),)
_GROUPS: dict[int, tuple[_Cell, ...]] = {
    1: _ONE,
    2: ((_NEAR, 0.5, 0.39, 0.52), (_FAR, 0.5, 0.39, 0.52)),
    3: ((0.5, _NEAR, 0.42, 0.39), (_NEAR, _FAR, 0.39, 0.39), (_FAR, _FAR, 0.39, 0.39)),
    4: tuple((x, y, 0.39, 0.39) for y in (_NEAR, _FAR) for x in (_NEAR, _FAR)),
    5: (
        *((0.165, 0.165, 0.265, 0.265), (0.835, 0.165, 0.265, 0.265), (0.5, 0.5, 0.265, 0.265)),
        *((0.165, 0.835, 0.265, 0.265), (0.835, 0.835, 0.265, 0.265)),
    ),
}
_COLUMN: dict[int, tuple[tuple[float, float], ...]] = {
    1: ((0.5, 0.60),),
    2: ((0.27, 0.37), (0.73, 0.37)),
    3: ((0.17, 0.25), (0.5, 0.25), (0.83, 0.25)),
}
_LEFT: _Cell = (_NEAR, 0.5, 0.39, 0.60)
_RIGHT: _Cell = (_FAR, 0.5, 0.39, 0.60)
_UPPER: _Cell = (0.5, 0.24, 0.74, 0.38)
_LOWER: _Cell = (0.5, 0.76, 0.74, 0.38)
_STACKED: _Cell = (0.5, 0.5, 0.66, 0.41)
_SIGN_ALONE: _Cell = (0.5, 0.5, 0.84, 0.50)
_SIGN_ABOVE: _Cell = (0.5, 0.20, 0.62, 0.30)
_BELOW_SIGN: _Cell = (0.5, 0.68, 0.74, 0.50)


@dataclass(frozen=True, slots=True)
class Placed:
    """One picture element: `kind` "drawing" or "sign", its name, colour and box (x0, y0, x1, y1) in 0..1.

    `thing` is the index of the scene's thing that it belongs to, -1 for a sign.
    """

    kind: str
    name: str
    colour: str | None
    box: Box
    thing: int


def _fit(cell: _Cell, aspect: float, rng: random.Random) -> Box:
    """The greatest box of this aspect in the cell, scaled and moved by the jitter, inside the frame."""
    x, y, width, height = cell
    scale = 1 + STRETCH * (2 * rng.random() - 1)
    w = min(width, height * aspect) * scale
    h = w / aspect
    x += SHIFT * (2 * rng.random() - 1)
    y += SHIFT * (2 * rng.random() - 1)
    x = min(max(x, EDGE + w / 2), 1 - EDGE - w / 2)
    y = min(max(y, EDGE + h / 2), 1 - EDGE - h / 2)
    return (x - w / 2, y - h / 2, x + w / 2, y + h / 2)


def _place(thing: Thing, index: int, cell: _Cell, rng: random.Random) -> Placed:
    box = _fit(cell, DRAWINGS[thing.object].aspect, rng)
    return Placed("drawing", thing.object, thing.colour, box, index)


def _moved(item: Placed, dy: float) -> Placed:
    x0, y0, x1, y1 = item.box
    return Placed(item.kind, item.name, item.colour, (x0, y0 + dy, x1, y1 + dy), item.thing)


def _sign(word: str, cell: _Cell, rng: random.Random) -> Placed:
    return Placed("sign", word, None, _fit(cell, SIGN_ASPECT, rng), -1)


def _related(scene: Scene, rng: random.Random) -> tuple[Placed, ...]:
    first, second = scene.things
    if scene.relation in ("left of", "right of"):
        cells = (_LEFT, _RIGHT) if scene.relation == "left of" else (_RIGHT, _LEFT)
        return _place(first, 0, cells[0], rng), _place(second, 1, cells[1], rng)
    if scene.relation in ("above", "below"):
        cells = (_UPPER, _LOWER) if scene.relation == "above" else (_LOWER, _UPPER)
        return _place(first, 0, cells[0], rng), _place(second, 1, cells[1], rng)
    upper, lower = _place(first, 0, _STACKED, rng), _place(second, 1, _STACKED, rng)
    tall = (upper.box[3] - upper.box[1]) + (lower.box[3] - lower.box[1])
    top = (1 - tall) / 2 + SHIFT * (2 * rng.random() - 1)
    upper = _moved(upper, top - upper.box[1])
    # A hair's breadth of overlap, so that the outlines meet.
    lower = _moved(lower, upper.box[3] - 0.012 - lower.box[1])
    return lower, upper


def layout(scene: Scene, seed: int) -> tuple[Placed, ...]:
    """The boxes of all that is drawn, from back to front. A pure function of scene and layout seed.

    Position jitters by 3% of the frame, scale by 6%; aspect ratios are kept, nothing is mirrored and
    everything lies inside the frame. One thing stands in the middle, several in the patterns of a die
    (three as a triangle), two groups in a left and a right column.
    """
    rng = random.Random(seed)
    if scene.word is not None:
        if not scene.things:
            return (_sign(scene.word, _SIGN_ALONE, rng),)
        thing = _place(scene.things[0], 0, _BELOW_SIGN, rng)
        return thing, _sign(scene.word, _SIGN_ABOVE, rng)
    if scene.relation is not None:
        return _related(scene, rng)
    if len(scene.things) == 1:
        return tuple(_place(scene.things[0], 0, cell, rng) for cell in _GROUPS[scene.things[0].count])
    return tuple(
        _place(thing, index, (x, y, 0.39, height), rng)
        for index, (x, thing) in enumerate(zip((_NEAR, _FAR), scene.things, strict=True))
        for y, height in _COLUMN[thing.count]
    )
