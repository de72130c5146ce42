"""Every resize against the library that it is named after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchmetrics.image.fid import NoTrainInceptionV3
from torchvision.transforms import v2

from harness.resizing import RESIZES, through_jpeg, to_bytes

cleanfid = pytest.importorskip("cleanfid.resize")
RNG = np.random.default_rng(0)
ROUNDING = 0.01  # of 255: where fp32 places of sampling points are rounded in another order, on noise
SHAPES = [(64, 64), (480, 640), (299, 299), (31, 700), (1, 1)]


def _picture(shape: tuple[int, int]) -> np.ndarray:
    return RNG.integers(0, 256, (*shape, 3), dtype=np.uint8)


def _batch(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float32))


def _plain(batch: torch.Tensor) -> np.ndarray:
    return batch[0].numpy().transpose(1, 2, 0)


def _torch(image: np.ndarray, antialias: bool) -> np.ndarray:
    return _plain(
        torch.nn.functional.interpolate(
            _batch(image), (299, 299), mode="bilinear", align_corners=False, antialias=antialias
        )
    )


def _tensorflow(image: np.ndarray) -> np.ndarray:
    compat = pytest.importorskip("torch_fidelity.interpolate_compat_tensorflow")
    resized = compat.interpolate_bilinear_2d_like_tensorflow1x(_batch(image), (299, 299), align_corners=False)
    return _plain(resized)


def _pillow(name: str) -> Callable[[np.ndarray], np.ndarray]:
    return cleanfid.make_resizer("PIL", True, name, (299, 299))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("name", "peer", "within"),
    [
        ("clean", cleanfid.build_resizer("clean"), 0),
        ("legacy_pytorch", cleanfid.build_resizer("legacy_pytorch"), ROUNDING),
        ("legacy_pytorch", lambda image: _torch(image, False), ROUNDING),
        ("legacy_tensorflow", _tensorflow, 1e-4),
        ("torch_antialias", lambda image: _torch(image, True), ROUNDING),
        ("pillow_bicubic", _pillow("bicubic"), 0),
        ("pillow_lanczos", _pillow("lanczos"), 0),
    ],
    ids=["clean", "pytorch-fid", "torch", "tensorflow", "antialias", "bicubic", "lanczos"],
)
def test_is_its_librarys(name: str, peer: Any, within: float, shape: tuple[int, int]) -> None:
    image = _picture(shape)
    resized = RESIZES[name](image, 299)
    assert resized.dtype == np.float32
    assert resized.shape == (299, 299, 3)
    np.testing.assert_allclose(resized, peer(image), rtol=0, atol=within)


def test_antialiasing_is_what_torchmetrics_and_torchvision_do() -> None:
    image = _picture((400, 300))
    resized = RESIZES["torch_antialias"](image, 299)
    transformed = v2.functional.resize(_batch(image), [299, 299], antialias=True)
    np.testing.assert_allclose(resized, _plain(transformed), atol=ROUNDING)
    assert NoTrainInceptionV3.__init__.__defaults__ == (None, True)  # antialias is on unless switched off


@pytest.mark.parametrize("name", RESIZES)
def test_a_picture_of_that_size_is_unchanged(name: str) -> None:
    image = _picture((299, 299))
    np.testing.assert_array_equal(RESIZES[name](image, 299), image)


def test_the_ways_differ() -> None:
    image = _picture((480, 640))
    results = [resize(image, 299) for resize in RESIZES.values()]
    for one in range(len(results)):
        for other in range(one):
            assert np.abs(results[one] - results[other]).max() > 0.4


def test_jpeg_is_pillows_and_worse_quality_is_further_away() -> None:
    smooth = np.asarray(Image.fromarray(_picture((8, 8))).resize((64, 48), Image.Resampling.BICUBIC))
    errors = [np.abs(through_jpeg(smooth, q).astype(float) - smooth).mean() for q in (95, 90, 75, 30)]
    assert errors == sorted(errors)
    assert errors[0] > 0
    assert through_jpeg(smooth, 90).shape == smooth.shape


def test_bytes_are_rounded_and_cut() -> None:
    assert to_bytes(np.array([-3, 0.4, 0.6, 254.6, 300], np.float32)).tolist() == [0, 0, 1, 255, 255]
