"""PNG files padded to one length stay whole PNG files of the same pixels."""

from __future__ import annotations

import io

import numpy as np
import pytest
from blinding_scan import png_faults
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from human_eval_app.pictures.opaque_png import PADDING, chunks, encode, padded, room


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 5000), st.integers(0, 2**32))
def test_padding_changes_the_length_and_no_pixel(width: int, height: int, more: int, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    png = encode(image)
    long = padded(png, room(len(png)) + more)
    assert len(long) == room(len(png)) + more
    with Image.open(io.BytesIO(long)) as opened:
        opened.verify()
    assert (np.asarray(Image.open(io.BytesIO(long))) == image).all()
    assert png_faults(long) == []


def test_too_short_and_no_png_are_refused() -> None:
    png = encode(np.zeros((4, 4, 3), np.uint8))
    for data, length in ((png, len(png)), (png, 0), (b"JFIF" + png, 10_000), (png[:-1], 10_000)):
        with pytest.raises(ValueError, match="cannot be made"):
            padded(data, length)


def test_damaged_files_are_seen() -> None:
    png = padded(encode(np.zeros((4, 4, 3), np.uint8)), 400)
    assert [kind for kind, _ in chunks(png)] == [b"IHDR", b"IDAT", PADDING, b"IEND"]
    for damaged in (b"", png[:-3], png[:40] + b"\1" + png[41:], png + b"x"):
        with pytest.raises(ValueError, match=r"PNG|damaged"):
            list(chunks(damaged))


def test_equal_pixels_give_equal_bytes() -> None:
    image = np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    assert encode(image) == encode(image.copy())
