"""The ways in which published codes bring pictures to a network's size, by name, and what JPEG does to them.

Each resize maps RGB uint8 (height, width, 3) to float32 (side, side, 3) in 0..255, stretching where the
picture is no square. Applied to a picture of that size already, each changes nothing.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.decode import RgbImage
from harness.extractors.resize import bicubic_antialiased, bilinear_half_pixel, bilinear_tensorflow1

Pixels = NDArray[np.float32]
Resize = Callable[[RgbImage, int], Pixels]
INCEPTION_SIDE = 299


def torch_antialias(image: RgbImage, side: int) -> Pixels:
    """Bilinear in floats with antialiasing: torch's `interpolate(antialias=True)`, torchmetrics' default.

    Pillow's filter of the same name on floats, which torch's follows to rounding.
    """
    planes = [Image.fromarray(image[:, :, channel].astype(np.float32)) for channel in range(3)]
    resized = [np.asarray(plane.resize((side, side), Image.Resampling.BILINEAR)) for plane in planes]
    return np.stack(resized, -1)


def pillow_eight_bit(image: RgbImage, side: int, *, sampling: Image.Resampling) -> Pixels:
    """Pillow's antialiased filter on the picture as it is, which rounds to 8 bits after each direction."""
    picture = Image.fromarray(np.ascontiguousarray(image))
    return np.asarray(picture.resize((side, side), sampling), np.float32)


RESIZES: Mapping[str, Resize] = {
    "clean": bicubic_antialiased,
    "legacy_pytorch": bilinear_half_pixel,
    "legacy_tensorflow": bilinear_tensorflow1,
    "torch_antialias": torch_antialias,
    "pillow_bicubic": partial(pillow_eight_bit, sampling=Image.Resampling.BICUBIC),
    "pillow_lanczos": partial(pillow_eight_bit, sampling=Image.Resampling.LANCZOS),
}


def to_bytes(pixels: Pixels) -> RgbImage:
    """Rounds 0..255 to 8 bits, for networks that are given such pictures."""
    return np.rint(pixels).clip(0, 255).astype(np.uint8)


def through_jpeg(image: RgbImage, quality: int) -> RgbImage:
    """The picture after it was stored as JPEG by Pillow with this quality (1..95), colours halved (4:2:0)."""
    stored = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(stored, "JPEG", quality=quality)
    return np.asarray(Image.open(stored).convert("RGB"))
