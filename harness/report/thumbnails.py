"""Small copies of pictures as data URIs, within a budget of bytes for all of a page.

The side that all thumbnails of a page can have is found on a few of them first, so that they look alike; a
picture that is harder to compress than most gives way alone.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

THUMBNAIL_SIDE = 256
LOSSLESS_SIDE = 64
STEPS = ((256, 82), (256, 66), (208, 66), (160, 62), (128, 58), (96, 50))
"""(side in pixels, WebP quality), the best first."""


@dataclass(frozen=True)
class Thumbnail:
    """A data URI, the thumbnail's size in pixels, and whether its pixels should stay squares."""

    uri: str
    size: tuple[int, int]
    pixelated: bool


def thumbnail(picture: Image.Image, budget: int, first: int = 0) -> Thumbnail:
    """A thumbnail of the RGB `picture` that takes at most `budget` bytes, or as few as it can.

    Pictures up to 64 pixels are kept without loss where that fits; others become WebP of `STEPS[first]`, and
    of the steps after it until one fits.
    """
    if max(picture.size) <= LOSSLESS_SIDE:
        data = _webp(picture, lossless=True)
        if len(data) <= max(budget, 1024):
            return Thumbnail(_data_uri(data), picture.size, True)
    for side, quality in STEPS[first:]:
        small = _reduced(picture, side)
        data = _webp(small, quality=quality)
        if len(data) <= budget:
            break
    return Thumbnail(_data_uri(data), small.size, max(picture.size) <= LOSSLESS_SIDE)


def first_step(examples: Sequence[Image.Image], budget: int) -> int:
    """The first of `STEPS` at which three quarters of the examples take at most `budget` bytes."""
    large = [picture for picture in examples if max(picture.size) > LOSSLESS_SIDE]
    for step, (side, quality) in enumerate(STEPS):
        fitting = sum(len(_webp(_reduced(picture, side), quality=quality)) <= budget for picture in large)
        if fitting >= 0.75 * len(large):
            return step
    return len(STEPS) - 1


def _reduced(picture: Image.Image, side: int) -> Image.Image:
    scale = min(1.0, side / max(picture.size))
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _webp(picture: Image.Image, *, lossless: bool = False, quality: int = 80) -> bytes:
    encoded = io.BytesIO()
    picture.save(encoded, format="WEBP", lossless=lossless, quality=quality, method=4)
    return encoded.getvalue()


def _data_uri(data: bytes) -> str:
    return "data:image/webp;base64," + base64.b64encode(data).decode("ascii")
