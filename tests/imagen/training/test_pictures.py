import io

import numpy as np
import pytest
import torch
from PIL import Image

from imagen.lowres import shrink
from imagen.training.pictures import decode, fit

RNG = np.random.default_rng(0)


def noise(height: int, width: int) -> np.ndarray:
    return RNG.integers(0, 256, (height, width, 3)).astype(np.uint8)


def test_the_centre_is_cut_out_and_kept_as_it_is_at_the_same_size() -> None:
    pixels = noise(16, 24)
    assert np.array_equal(fit(Image.fromarray(pixels), 16), pixels[:, 4:20])
    pixels = noise(30, 16)
    assert np.array_equal(fit(Image.fromarray(pixels), 16), pixels[7:23])


def test_shrinking_is_the_low_resolution_conditions_own_averaging() -> None:
    pixels = noise(64, 64)
    expected = shrink(torch.from_numpy(pixels).permute(2, 0, 1)[None], 4)[0].permute(1, 2, 0).numpy()
    assert np.abs(fit(Image.fromarray(pixels), 16).astype(int) - expected).max() <= 1


def test_fine_stripes_become_grey_and_not_aliases() -> None:
    stripes = np.zeros((100, 100, 3), np.uint8)
    stripes[:, ::2] = 255
    assert np.ptp(fit(Image.fromarray(stripes), 25)[:, :, 0].astype(int)) <= 1


def test_small_pictures_are_enlarged_smoothly() -> None:
    got = fit(Image.fromarray(np.array([[[0] * 3, [255] * 3]] * 2, np.uint8)), 16)
    assert got.shape == (16, 16, 3)
    assert len(np.unique(got)) > 4


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_lies_on_white(mode: str) -> None:
    clear = Image.new("RGBA", (8, 8), (200, 0, 0, 0))
    if mode == "P":
        clear = Image.new("P", (8, 8), 0)
        clear.info["transparency"] = 0
    elif mode == "LA":
        clear = clear.convert("LA")
    assert np.array_equal(fit(clear, 8), np.full((8, 8, 3), 255, np.uint8))


def test_greys_of_16_bits_keep_their_brightness() -> None:
    grey = Image.fromarray(np.full((8, 8), 32896, np.uint16))
    assert np.array_equal(fit(grey, 8), np.full((8, 8, 3), 128, np.uint8))


def test_a_picture_is_turned_upright_and_one_cut_short_is_refused() -> None:
    pixels = np.zeros((8, 16, 3), np.uint8)
    pixels[:, :8] = 255
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn clockwise
    Image.fromarray(pixels).save(buffer, "PNG", exif=exif)
    upright = np.asarray(decode(buffer.getvalue()))
    assert upright.shape == (16, 8, 3)
    assert upright[:8].min() == 255
    assert upright[8:].max() == 0
    with pytest.raises(ValueError, match=r"truncated|broken|cannot"):
        decode(buffer.getvalue()[:60])
    with pytest.raises(ValueError, match="cannot identify"):
        decode(b"no picture")
