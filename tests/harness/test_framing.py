"""Crops and sizes against Pillow's and torchvision's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms import v2

from harness.framing import FILTERS, Framing, center_square

RNG = np.random.default_rng(0)
WIDE = RNG.integers(0, 256, (41, 64, 3), dtype=np.uint8)


@given(st.integers(1, 40), st.integers(1, 40))
def test_the_square_is_in_the_middle(height: int, width: int) -> None:
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([rows, columns, rows], -1).astype(np.uint8)
    square = center_square(image)
    side = min(height, width)
    assert square.shape == (side, side, 3)
    margins = [
        square[0, 0, 0],
        height - 1 - square[-1, -1, 0],
        square[0, 0, 1],
        width - 1 - square[-1, -1, 1],
    ]
    assert int(margins[1]) - int(margins[0]) in (0, 1)
    assert int(margins[3]) - int(margins[2]) in (0, 1)


@pytest.mark.parametrize("name", FILTERS)
def test_squash_is_pillows_resize(name: Any) -> None:
    expected = Image.fromarray(WIDE).resize((32, 32), getattr(Image.Resampling, name.upper()))
    np.testing.assert_array_equal(Framing(32, resize=name).apply(WIDE), np.asarray(expected))


def test_crop_then_size_is_torchvisions_on_pillow_pictures() -> None:
    even = WIDE[:40]  # where both round the same way
    chain = v2.Compose([v2.CenterCrop(40), v2.Resize((256, 256), v2.InterpolationMode.BICUBIC)])
    framed = Framing(256, "center").apply(even)
    np.testing.assert_array_equal(framed, np.asarray(chain(Image.fromarray(even))))
    assert framed.dtype == np.uint8


def test_what_fits_already_is_untouched() -> None:
    square = RNG.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    np.testing.assert_array_equal(Framing(32, "center", "lanczos").apply(square), square)
    np.testing.assert_array_equal(Framing().apply(WIDE), WIDE)


def test_identities_tell_frames_apart() -> None:
    frames = [Framing(), Framing(crop="center"), Framing(256), Framing(256, "center"), Framing(64, "center")]
    frames += [Framing(256, "center", "lanczos")]
    assert len({frame.identity for frame in frames}) == len(frames)
    assert Framing(256, "center").identity == "center256-bicubic"
    assert Framing().identity == ""


@pytest.mark.parametrize("wrong", [{"size": 0}, {"crop": "left"}, {"resize": "nearest"}])
def test_other_values_are_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"must be"):
        Framing(**wrong)
