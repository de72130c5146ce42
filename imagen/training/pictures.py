"""Pictures as a stage is trained on them: one way to cut, scale and store them."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps


def decode(content: bytes) -> Image.Image:
    """A whole picture, upright. Raises ValueError when it cannot be read to its end."""
    try:
        with Image.open(io.BytesIO(content)) as picture:
            picture.load()
            return ImageOps.exif_transpose(picture)
    except Exception as error:  # Pillow's decoders raise what they like
        raise ValueError(str(error).replace("\n", " ") or type(error).__name__) from error


def fit(picture: Image.Image, size: int) -> NDArray[np.uint8]:
    """The central square of a picture at `size` pixels, uint8 (size, size, 3).

    What is transparent lies on white. Larger pictures are averaged over areas, as a stage's low-resolution
    input is (`imagen.lowres.shrink`): so the pictures that the base stage learns are what the next stage is
    given. Smaller ones are enlarged bicubically.
    """
    if picture.mode == "P" or "A" in picture.getbands() or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    picture = _eight_bits(picture).convert("RGB")
    side = min(picture.size)
    x, y = (picture.width - side) // 2, (picture.height - side) // 2
    kernel = Image.Resampling.BOX if side >= size else Image.Resampling.BICUBIC
    scaled = picture.resize((size, size), kernel, box=(x, y, x + side, y + side))
    return np.asarray(scaled, np.uint8)


def _eight_bits(picture: Image.Image) -> Image.Image:
    """16-bit greys to 8 bits; Pillow's own conversion would clip them."""
    if not picture.mode.startswith("I"):
        return picture
    values = np.asarray(picture).astype(np.float64) / 257
    return Image.fromarray(values.round().clip(0, 255).astype(np.uint8))
