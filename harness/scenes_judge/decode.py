"""From the network's maps to a list of objects, and that list as a vector of fixed length."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.scenes_judge.labels import COLOUR_LABELS, KINDS, Box, Detection

MOST_DETECTIONS = 16
FIELDS = 8
"""Numbers a detection: score, kind, colour, colour score, x0, y0, x1, y1."""
DIM = MOST_DETECTIONS * FIELDS
MOST_OVERLAP = 0.4
"""Of two boxes with more intersection over union, the one with the lower score is dropped."""
_DIGITS = 4

Map = NDArray[np.floating[Any]]


def decode(kinds: Map, colours: Map, boxes: Map, threshold: float) -> tuple[Detection, ...]:
    """The objects of one picture, the surest first, at most 16.

    kinds (42, G, G), colours (11, G, G), boxes (4, G, G): the network's output (`network.Raw`). An object is
    a cell whose probability for some kind is at least `threshold` and the greatest of the 3 x 3 around it.
    Overlapping boxes are thinned over all kinds together: objects of this world hardly overlap. Numbers are
    rounded to four digits, so that the network's own rounding, in fp64, does not reach them.
    """
    grid = kinds.shape[-1]
    yes = 1 / (1 + np.exp(-np.asarray(kinds, np.float64)))
    padded = np.pad(yes, ((0, 0), (1, 1), (1, 1)))
    around = np.max([padded[:, y : y + grid, x : x + grid] for y in range(3) for x in range(3)], axis=0)
    found = np.argwhere((yes >= threshold) & (yes == around))
    order = sorted(found.tolist(), key=lambda place: (-round(float(yes[tuple(place)]), _DIGITS), place))
    kept: list[Detection] = []
    for kind, row, column in order:
        dx, dy, w, h = (float(v) for v in boxes[:, row, column])
        cx, cy = (column + 0.5 + dx) / grid, (row + 0.5 + dy) / grid
        w, h = max(w, 0.01), max(h, 0.01)
        ends = (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2)
        x0, y0, x1, y1 = (round(min(1.0, max(0.0, v)), _DIGITS) for v in ends)
        box = (x0, y0, x1, y1)
        if any(overlap(box, other.box) > MOST_OVERLAP for other in kept):
            continue
        logits = np.asarray(colours[:, row, column], np.float64)
        shares = np.exp(logits - logits.max())
        shares /= shares.sum()
        best = int(shares.argmax())
        kept.append(
            Detection(
                KINDS[kind],
                COLOUR_LABELS[best],
                box,
                round(float(yes[kind, row, column]), _DIGITS),
                round(float(shares[best]), _DIGITS),
            )
        )
        if len(kept) == MOST_DETECTIONS:
            break
    return tuple(kept)


def overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, 0..1."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def to_vector(detections: tuple[Detection, ...]) -> NDArray[np.float32]:
    """(128,): eight numbers a detection, zeros for what is not there. At most 16 detections."""
    vector = np.zeros((MOST_DETECTIONS, FIELDS), np.float32)
    for row, seen in zip(vector, detections, strict=False):
        kind, colour = KINDS.index(seen.kind), COLOUR_LABELS.index(seen.colour)
        row[:] = (seen.score, kind, colour, seen.colour_score, *seen.box)
    return vector.reshape(-1)


def from_vector(vector: NDArray[np.float32]) -> tuple[Detection, ...]:
    """Undoes `to_vector`, up to the rounding of fp32."""
    found = []
    for score, kind, colour, colour_score, x0, y0, x1, y1 in vector.reshape(-1, FIELDS).tolist():
        if score > 0:
            found.append(
                Detection(KINDS[int(kind)], COLOUR_LABELS[int(colour)], (x0, y0, x1, y1), score, colour_score)
            )
    return tuple(found)
