"""Any picture becomes RGB, or a reason."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from harness.decode import PictureError, decode_rgb


def _encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _ramp() -> np.ndarray:
    return np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


def test_rgb_comes_back_unchanged() -> None:
    decoded = decode_rgb(_encoded(Image.fromarray(_ramp())))
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, _ramp())


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK"])
def test_other_modes_become_rgb(mode: str) -> None:
    image = Image.new("RGB", (5, 3), (255, 255, 255)).convert(mode)
    decoded = decode_rgb(_encoded(image, "TIFF" if mode == "CMYK" else "PNG"))
    assert decoded.shape == (3, 5, 3)
    assert (decoded == 255).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparency_lies_over_white(mode: str) -> None:
    image = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    image.putpixel((1, 0), (0, 0, 0, 255))
    data = _encoded(image.convert("LA") if mode == "LA" else image if mode == "RGBA" else image.quantize())
    assert decode_rgb(data)[0].tolist() == [[255, 255, 255], [0, 0, 0]]


def test_half_transparency_is_blended() -> None:
    data = _encoded(Image.new("RGBA", (1, 1), (0, 0, 0, 128)))
    assert decode_rgb(data)[0, 0].tolist() == pytest.approx([127, 127, 127], abs=1)


def test_sixteen_bit_grey_is_scaled_not_cut() -> None:
    wide = np.array([[0, 257, 32896, 65535]], dtype=np.uint16)
    decoded = decode_rgb(_encoded(Image.fromarray(wide)))
    assert decoded[0, :, 0].tolist() == [0, 1, 128, 255]


def test_exif_orientation_is_applied() -> None:
    image = Image.fromarray(_ramp())
    exif = image.getexif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    decoded = decode_rgb(_encoded(image, exif=exif))
    np.testing.assert_array_equal(decoded, np.rot90(_ramp(), -1))


def test_of_an_animation_the_first_frame_counts() -> None:
    frames = [Image.new("RGB", (3, 3), colour) for colour in ("red", "blue")]
    data = _encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode_rgb(data)[0, 0].tolist() == [255, 0, 0]


def _bomb() -> bytes:
    """A PNG whose header claims 60,000 x 60,000 pixels."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n"
    for kind, content in ((b"IHDR", header), (b"IDAT", b"x")):
        data += (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )
    return data


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"not a picture", "not a picture"),
        (_encoded(Image.fromarray(_ramp()))[:-25], "cannot be decoded"),
        (_bomb(), "more pixels"),
        (_encoded(Image.new("F", (2, 2)), "TIFF"), "no agreed range"),
    ],
    ids=["empty", "text", "truncated", "bomb", "float"],
)
def test_what_cannot_be_decoded_has_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(PictureError, match=reason):
        decode_rgb(data)


_PICTURES = [
    _encoded(Image.fromarray(_ramp()), kind) for kind in ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP")
]


@given(st.sampled_from(_PICTURES), st.integers(0, 10_000), st.integers(0, 255), st.integers(0, 10_000))
def test_damaged_files_never_raise_anything_else(data: bytes, place: int, value: int, length: int) -> None:
    damaged = bytearray(data)
    damaged[place % len(data)] = value
    decoded = np.zeros((1, 1, 3), np.uint8)
    with contextlib.suppress(PictureError):  # any other error fails the test
        decoded = decode_rgb(bytes(damaged[: max(1, length % (2 * len(data)))]))
    assert decoded.shape[2:] == (3,)
