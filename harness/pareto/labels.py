"""Places for the labels of points, such that none lies on another, on a point, or outside the frame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_ANGLES = (45, 135, 315, 225, 90, 270, 0, 180, 20, 160, 340, 200, 70, 110, 290, 250)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle, left to right and bottom to top, in points (1/72 inch)."""

    left: float
    bottom: float
    right: float
    top: float

    def overlaps(self, other: Box, room: float = 0.0) -> bool:
        """Whether the two share some area, or come closer than `room`."""
        return (
            self.left < other.right + room
            and other.left < self.right + room
            and self.bottom < other.top + room
            and other.bottom < self.top + room
        )

    def inside(self, other: Box) -> bool:
        """Whether it lies within the other."""
        return (
            other.left <= self.left
            and self.right <= other.right
            and other.bottom <= self.bottom
            and self.top <= other.top
        )

    @property
    def centre(self) -> tuple[float, float]:
        """Its middle."""
        return (self.left + self.right) / 2, (self.bottom + self.top) / 2


@dataclass(frozen=True, slots=True)
class Wanted:
    """A label of `width` x `height` for the point at (x, y). Labels of greater `rank` choose first."""

    x: float
    y: float
    width: float
    height: float
    rank: float = 0.0


def place_labels(
    labels: Sequence[Wanted],
    frame: Box,
    obstacles: Sequence[Box] = (),
    lines: Sequence[Box] = (),
    *,
    distances: Sequence[float] = (4.0, 7.0, 11.0, 16.0),
    room: float = 1.0,
) -> list[Box | None]:
    """A box for each label, near its point, or None where there is no room for it.

    Boxes lie in the `frame`, overlap no obstacle and no other label, and keep `room` between them. A label
    takes the first free of the places around its point, near ones first, in the order of ranks; so a label of
    the highest rank is only left out where obstacles and frame leave no place at all. `lines` are kept off
    where that needs no distance but the two least.
    """
    taken = list(obstacles)
    placed: list[Box | None] = [None] * len(labels)
    for number in sorted(range(len(labels)), key=lambda i: -labels[i].rank):
        label = labels[number]
        free = [
            box
            for box in _places(label, distances)
            if box.inside(frame) and not any(box.overlaps(other, room) for other in taken)
        ]
        if not free:
            continue
        near = [box for box in free if box in _places(label, distances[:2])]
        clear = (box for box in near if not any(box.overlaps(line) for line in lines))
        box = next(clear, free[0])
        placed[number] = box
        taken.append(box)
    return placed


def _places(label: Wanted, distances: Sequence[float]) -> list[Box]:
    boxes = []
    for distance in distances:
        for angle in _ANGLES:
            c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            # the box's nearest edge or corner is `distance` away from the point
            x = label.x + c * distance + (c - 1) / 2 * label.width
            y = label.y + s * distance + (s - 1) / 2 * label.height
            boxes.append(Box(x, y, x + label.width, y + label.height))
    return boxes
