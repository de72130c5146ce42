"""A scene as pixels, the same picture at every size."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from drawbench.errors import InputError
from drawbench.scenes.grammar import Scene
from drawbench.scenes.places import Placed, layout
from drawbench.scenes.sprites import MARGIN, RASTERS, background_pixels, sprite

Window = tuple[int, int, int, int]

MIN_SIZE, MAX_SIZE = 16, 2048


def _raster_for(longer: float) -> int:
    """The sprite length for an element of `longer` pixels: the smaller the element, the finer its source.

    At 3.5 times, a 64-pixel picture comes within about 1/255 of a large one averaged over areas.
    """
    fineness = 3.5 if longer <= 80 else 1.75 if longer <= 220 else 1.15
    return next((r for r in RASTERS if r >= longer * fineness), RASTERS[-1])


def _draw(canvas: NDArray[np.uint8], item: Placed, size: int, left: int, top: int) -> None:
    """Blends one element into the window `canvas`, whose first pixel is (left, top) of the picture."""
    x0, y0, x1, y1 = (v * size for v in item.box)
    height, width = canvas.shape[:2]
    px0, py0 = max(math.floor(x0), left), max(math.floor(y0), top)
    px1, py1 = min(math.ceil(x1), left + width), min(math.ceil(y1), top + height)
    if px0 >= px1 or py0 >= py1:
        return
    source = sprite(item.kind, item.name, item.colour, _raster_for(max(x1 - x0, y1 - y0)))
    across = (source.width - 2 * MARGIN) / (x1 - x0)
    down = (source.height - 2 * MARGIN) / (y1 - y0)
    box = (
        max(0.0, MARGIN + (px0 - x0) * across),
        max(0.0, MARGIN + (py0 - y0) * down),
        min(float(source.width), MARGIN + (px1 - x0) * across),
        min(float(source.height), MARGIN + (py1 - y0) * down),
    )
    scaled = source.resize((px1 - px0, py1 - py0), Image.Resampling.HAMMING, box=box)
    pixels = np.frombuffer(scaled.tobytes(), np.uint8).reshape(py1 - py0, px1 - px0, 4)
    part = canvas[py0 - top : py1 - top, px0 - left : px1 - left]
    rest = 255 - pixels[..., 3:].astype(np.uint16)
    blended = (part * rest + 127) // 255 + pixels[..., :3]
    np.minimum(blended, 255, out=blended)
    part[...] = blended


def render(scene: Scene, size: int, seed: int, window: Window | None = None) -> NDArray[np.uint8]:
    """The picture of `scene` with the layout of `seed`: (size, size, 3) uint8, sRGB.

    With `window` (x0, y0, x1, y1) in pixels, only that part of the size x size picture is made, equal to
    the same part of the whole up to rounding. Elements are resampled from sprites with an
    antialiasing filter, so a small picture equals a large one averaged over areas, nearly.
    Raises InputError for a size outside 16..2048 or a window outside the picture.
    """
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise InputError(f"picture size must lie in {MIN_SIZE}..{MAX_SIZE}, not {size}")
    x0, y0, x1, y1 = window or (0, 0, size, size)
    if not (0 <= x0 < x1 <= size and 0 <= y0 < y1 <= size):
        raise InputError(f"window {window} is not inside a picture of {size} x {size}")
    canvas = background_pixels(scene.background, size)[y0:y1, x0:x1].copy()
    for item in layout(scene, seed):
        _draw(canvas, item, size, x0, y0)
    return canvas
