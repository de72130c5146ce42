"""The three ways in which pictures are brought to FID's 299 pixels, exactly as the codes that define them do.

Each maps RGB uint8 (height, width, 3) to float32 (side, side, 3) in 0..255, stretching where the picture is
no square. They can differ by more than models do: only the first looks at all pixels when it makes a picture
smaller.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.decode import RgbImage

Pixels = NDArray[np.float32]


def bicubic_antialiased(image: RgbImage, side: int) -> Pixels:
    """Pillow's bicubic filter (a = -1/2) on each channel in floats, cut to 0..255 (Parmar et al. 2022)."""
    resized = np.empty((side, side, 3), np.float32)
    for channel in range(3):
        plane = Image.fromarray(image[:, :, channel].astype(np.float32))
        resized[:, :, channel] = np.asarray(plane.resize((side, side), Image.Resampling.BICUBIC))
    return np.clip(resized, 0, 255, out=resized)


def bilinear_half_pixel(image: RgbImage, side: int) -> Pixels:
    """PyTorch's bilinear interpolation without antialiasing: pixel centres at halves, corners not aligned."""
    return _bilinear(image, side, True)


def bilinear_tensorflow1(image: RgbImage, side: int) -> Pixels:
    """TensorFlow 1's: pixel i is read at i * old / new, without the half, which moves the picture."""
    return _bilinear(image, side, False)


def _bilinear(image: RgbImage, side: int, halves: bool) -> Pixels:
    top, bottom, down = _places(image.shape[0], side, halves)
    left, right, across = _places(image.shape[1], side, halves)
    upper, lower = image[top].astype(np.float32), image[bottom].astype(np.float32)
    across = across[None, :, None]
    upper = _between(upper[:, left], upper[:, right], across)
    lower = _between(lower[:, left], lower[:, right], across)
    return _between(upper, lower, down[:, None, None])


def _between(first: Pixels, second: Pixels, share: Pixels) -> Pixels:
    """first + share * (second - first), in the memory of `second`."""
    second -= first
    second *= share
    second += first
    return second


@lru_cache(maxsize=64)
def _places(old: int, new: int, halves: bool) -> tuple[NDArray[np.intp], NDArray[np.intp], Pixels]:
    """For each new pixel the two old ones it lies between and its distance from the first, in fp32."""
    scale = np.float32(old / new)
    at = np.arange(new, dtype=np.float32)
    at = np.maximum((at + np.float32(0.5)) * scale - np.float32(0.5), np.float32(0)) if halves else at * scale
    low = np.minimum(at.astype(np.intp), old - 1)
    return low, np.minimum(low + 1, old - 1), at - low.astype(np.float32)
