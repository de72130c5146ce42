"""The judge's vocabulary: kinds of object, colours, and what a scene truly shows in these terms."""

from __future__ import annotations

from dataclasses import dataclass

from drawbench.scenes import COLOURS, OBJECTS, Scene, layout
from drawbench.scenes.objects import DRAWINGS, PAINTS

KINDS: tuple[str, ...] = OBJECTS
GREY = "grey"
COLOUR_LABELS: tuple[str, ...] = (*COLOURS, GREY)
"""The colours that the world paints with, and grey, which some drawings are by themselves."""

OWN_COLOURS: dict[str, str] = {
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
    "#d0cfce": GREY,
    "#9b9b9a": GREY,
}
"""What a person would call a drawing's own main fill."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Detection:
    """An object seen: its kind, its colour, its box (x0, y0, x1, y1) in 0..1 and the scores, 0..1."""

    kind: str
    colour: str
    box: Box
    score: float = 1.0
    colour_score: float = 1.0


def own_colour(kind: str) -> str:
    """The colour of a drawing that nobody painted, as people would say it."""
    return OWN_COLOURS[DRAWINGS[kind].main]


def main_fill(kind: str, colour: str | None) -> tuple[int, int, int]:
    """RGB of a drawing's main fill, painted or, for None, its own."""
    if colour is not None:
        return PAINTS[colour]
    digits = DRAWINGS[kind].main.removeprefix("#")
    red, green, blue = bytes.fromhex(digits)
    return red, green, blue


def true_detections(scene: Scene, layout_seed: int) -> tuple[Detection, ...]:
    """What a perfect detector would see in the scene's picture; signs are no objects."""
    return tuple(
        Detection(item.name, item.colour or own_colour(item.name), item.box)
        for item in layout(scene, layout_seed)
        if item.kind == "drawing"
    )
