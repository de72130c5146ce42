"""Each way to resize against the code that defines it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.extractors.resize import bicubic_antialiased, bilinear_half_pixel, bilinear_tensorflow1

cleanfid = pytest.importorskip("cleanfid.resize")
fidelity = pytest.importorskip("torch_fidelity.interpolate_compat_tensorflow")
import torch  # noqa: E402

SIZES = st.tuples(st.integers(1, 700), st.integers(1, 700))


def _picture(size: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(size).integers(0, 256, (*size, 3), dtype=np.uint8)


@settings(max_examples=15, deadline=None)
@given(SIZES)
def test_bicubic_is_clean_fids_to_the_bit(size: tuple[int, int]) -> None:
    image = _picture(size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = cleanfid.make_resizer("PIL", False, "bicubic", (299, 299))(image)
    np.testing.assert_array_equal(bicubic_antialiased(image, 299), expected)


@settings(max_examples=15, deadline=None)
@given(SIZES)
@example((1, 409))
@example((700, 1))
def test_half_pixel_bilinear_is_torchs(size: tuple[int, int]) -> None:
    image = _picture(size)
    batch = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    expected = torch.nn.functional.interpolate(batch, (299, 299), mode="bilinear", align_corners=False)
    found = bilinear_half_pixel(image, 299)
    # Both compute places in fp32, and torch may fuse the product and sum: one rounding of a place either way.
    atol = 255 * sum(float(np.spacing(np.float32(side))) for side in size) + 1e-4
    np.testing.assert_allclose(found, expected[0].permute(1, 2, 0), atol=atol, rtol=0)
    assert found.dtype == np.float32


@settings(max_examples=15, deadline=None)
@given(SIZES)
def test_tensorflows_bilinear_is_torch_fidelitys_to_the_bit(size: tuple[int, int]) -> None:
    image = _picture(size)
    batch = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    expected = fidelity.interpolate_bilinear_2d_like_tensorflow1x(batch, (299, 299), align_corners=False)
    np.testing.assert_array_equal(bilinear_tensorflow1(image, 299), expected[0].permute(1, 2, 0))


def test_the_three_are_told_apart_by_a_checkerboard() -> None:
    board = np.indices((598, 598)).sum(0) % 2 * 255
    image = np.repeat(board[..., None], 3, 2).astype(np.uint8)
    assert abs(float(bicubic_antialiased(image, 299)[50:-50, 50:-50].std())) < 1  # grey: all pixels are seen
    assert float(bilinear_tensorflow1(image, 299).max()) == 0  # every second pixel is seen, all black
    assert float(bilinear_half_pixel(image, 299)[50, 50, 0]) == pytest.approx(127.5)


def test_a_constant_stays_itself() -> None:
    image = np.full((7, 300, 3), 77, np.uint8)
    for resize in (bicubic_antialiased, bilinear_half_pixel, bilinear_tensorflow1):
        np.testing.assert_allclose(resize(image, 299), 77, atol=1e-4)
