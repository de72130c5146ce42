"""The judge's vocabulary: kinds of object, colours, and what a scene truly shows in these terms."""

from __future__ import annotations

from dataclasses import dataclass

from drawbench.scenes import COLOURS, OBJECTS, Scene, layout
from drawbench.scenes.objects import DRAWINGS

KINDS: tuple[str, ...] = OBJECTS
OWN = "own"
"""The label of a drawing in its own colours."""
COLOUR_LABELS: tuple[str, ...] = (*COLOURS, OWN)

OWN_WORDS: dict[str, str] = {
    "#ea5a47": "red",
    "#d22f27": "red",
    "#f4aa41": "orange",
    "#f1b31c": "yellow",
    "#fcea2b": "yellow",
    "#5c9e31": "green",
    "#61b2e4": "blue",
    "#92d3f5": "blue",
    "#b399c8": "purple",
    "#a57939": "brown",
    "#6a462f": "brown",
    "#3f3f3f": "black",
    "#ffffff": "white",
}
"""The colour word that a person would use for a drawing's own main fill; greys have none."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Detection:
    """An object seen: its kind, its colour label, its box (x0, y0, x1, y1) in 0..1 and the scores, 0..1."""

    kind: str
    colour: str
    box: Box
    score: float = 1.0
    colour_score: float = 1.0


def colour_word(kind: str, label: str) -> str | None:
    """The colour of a detection as people say it; None for own colours without a word (the greys)."""
    return OWN_WORDS.get(DRAWINGS[kind].main) if label == OWN else label


def true_detections(scene: Scene, layout_seed: int) -> tuple[Detection, ...]:
    """What a perfect detector would see in the scene's picture; signs are no objects."""
    return tuple(
        Detection(item.name, item.colour or OWN, item.box)
        for item in layout(scene, layout_seed)
        if item.kind == "drawing"
    )
