import io

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from harness.pictures import check_picture, encode_png
from harness.types import Failure


def picture(height: int = 4, width: int = 6, value: int = 100) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def test_an_array_becomes_the_same_pixels() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    image = check_picture(pixels, (7, 5))
    assert isinstance(image, Image.Image)
    assert np.array_equal(np.asarray(image), pixels)
    decoded = Image.open(io.BytesIO(encode_png(image)))
    assert np.array_equal(np.asarray(decoded), pixels)


def test_a_view_with_gaps_is_read_rightly() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    image = check_picture(pixels[::2, ::-1])
    assert isinstance(image, Image.Image)
    assert np.array_equal(np.asarray(image), pixels[::2, ::-1])


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (np.full((4, 4, 3), np.nan), "nan"),
        (np.array([[[0.1, np.inf, 0.2]]], np.float32), "nan"),
        (np.full((4, 4, 3), 0.5), "error"),
        (np.full((4, 4, 3), 100, np.int64), "error"),
        (np.full((4, 4), 100, np.uint8), "error"),
        (np.full((4, 4, 4), 100, np.uint8), "error"),
        (np.zeros((0, 4, 3), np.uint8), "error"),
        (None, "error"),
        ("picture.png", "error"),
        (picture(value=0), "black"),
        (picture(value=2), "black"),
        (picture(6, 4), "wrong_size"),
        (Image.new("RGB", (4, 6), "red"), "wrong_size"),
        (Image.new("L", (6, 4), 1), "black"),
    ],
)
def test_what_is_no_picture(given: object, status: str) -> None:
    result = check_picture(given, (6, 4) if status in ("wrong_size", "black") else None)
    assert isinstance(result, Failure)
    assert result.status == status
    assert result.reason


def test_one_bright_value_is_not_black() -> None:
    pixels = picture(value=0)
    pixels[0, 0, 0] = 3
    assert isinstance(check_picture(pixels), Image.Image)


def test_png_bytes_depend_on_pixels_alone() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    plain = Image.fromarray(pixels)
    dressed = Image.fromarray(pixels)
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", "somebody")
    dressed.info |= {"pnginfo": text, "dpi": (300, 300), "icc_profile": b"x", "transparency": (0, 0, 0)}
    assert encode_png(plain) == encode_png(dressed)
