"""Pictures on their way to the disk: what counts as one, and how it becomes bytes."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from harness.types import Failure

BLACK_LEVEL = 2
PNG_COMPRESSION = 3


def check_picture(picture: object, size: tuple[int, int] | None = None) -> Image.Image | Failure:
    """`picture` as an RGB image, or why it is none.

    `picture` is a PIL image or an array of shape (height, width, 3), uint8; `size` is the (width, height)
    it should have, None for any. An array of floats is a Failure: "nan" where a value is NaN or infinite,
    else "error". A picture without a value above `BLACK_LEVEL` (of 255) is "black".
    """
    if isinstance(picture, Image.Image):
        image = picture.convert("RGB")
    elif isinstance(picture, np.ndarray):
        if np.issubdtype(picture.dtype, np.inexact) and not np.isfinite(picture).all():
            return Failure("nan", "the model gave values that are NaN or infinite")
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
            got = f"{picture.dtype} of shape {picture.shape}"
            return Failure("error", f"the model gave an array of {got}, not uint8 of (height, width, 3)")
        image = Image.fromarray(np.ascontiguousarray(picture))
    else:
        return Failure("error", f"the model gave a {type(picture).__name__}, not a picture")
    if size is not None and image.size != size:
        return Failure("wrong_size", f"the picture is {image.width}x{image.height}, not {size[0]}x{size[1]}")
    if int(np.asarray(image).max()) <= BLACK_LEVEL:
        return Failure("black", f"no pixel value is above {BLACK_LEVEL} of 255")
    return image


def encode_png(image: Image.Image) -> bytes:
    """PNG bytes of an RGB image: fixed compression, no metadata, so equal pixels give equal bytes."""
    pixels = Image.frombytes("RGB", image.size, image.tobytes())
    buffer = io.BytesIO()
    pixels.save(buffer, format="PNG", compress_level=PNG_COMPRESSION, optimize=False)
    return buffer.getvalue()
