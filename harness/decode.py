"""Reads a picture file into plain RGB, whatever it is, or says why it cannot be read."""

from __future__ import annotations

import io
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

RgbImage = NDArray[np.uint8]


class PictureError(Exception):
    """A picture that cannot be read; the message is the reason. A fault of one sample, not of the run."""


def decode_rgb(data: bytes) -> RgbImage:
    """Decodes the bytes of a picture file to RGB, uint8, shape (height, width, 3), values 0..255.

    The EXIF orientation is applied, transparency is laid over white, 16-bit grey is scaled to 8 bits
    (257 -> 1), palettes, 1-bit, CMYK and grey become RGB, and of an animation the first frame is taken.
    Raises PictureError for anything that cannot be decoded whole.
    """
    if not data:
        raise PictureError("the file is empty")
    try:
        with Image.open(io.BytesIO(data)) as opened:
            opened.load()
            return np.array(_rgb(ImageOps.exif_transpose(opened)), dtype=np.uint8)
    except UnidentifiedImageError:
        raise PictureError("not a picture in a known format") from None
    except Image.DecompressionBombError:
        raise PictureError("more pixels than can safely be decoded") from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, zlib.error, MemoryError) as error:
        raise PictureError(f"cannot be decoded: {error}") from None


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I;16") or picture.mode == "I":
        wide = np.asarray(picture).astype(np.float64)
        narrow = np.rint(wide / 257.0).clip(0, 255).astype(np.uint8)
        return Image.fromarray(narrow).convert("RGB")
    if picture.mode == "F":
        raise ValueError("floating-point pictures have no agreed range")
    if picture.has_transparency_data:
        layered = picture.convert("RGBA")
        white = Image.new("RGBA", layered.size, "white")
        return Image.alpha_composite(white, layered).convert("RGB")
    return picture.convert("RGB")
