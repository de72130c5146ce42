"""Resizing: every filter that the extractors use, against its definition in fp64."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from harness.decode import RgbImage
from harness.selftest import resize_reference as definition
from harness.selftest.pictures import chart
from harness.selftest.report import Check, Measure

Resizer = Callable[[RgbImage], NDArray[Any]]
Reference = Callable[[RgbImage], NDArray[np.float64]]

SHRINK, ENLARGE = (310, 400), (64, 48)
INCEPTION = 299
_FLOAT32 = 0.03  # of 255: fp32 places on a grid of some hundred pixels
_LEVELS = 0.01  # on average: a level here and there is rounded apart


def resize_checks() -> list[Check]:
    """Each filter shrinking and enlarging, and the preprocessing of extractors."""
    checks = []
    for way, size in (("shrink", SHRINK), ("enlarge", ENLARGE)):
        for name, tolerance, measure, got, expected in _filters():
            compute = partial(_compare, got, expected, size)
            checks.append(Check("resize", f"{name}, {way}", tolerance, compute, measure))
    return checks


def _compare(got: Resizer, expected: Reference, size: tuple[int, int]) -> tuple[ArrayLike, ArrayLike]:
    picture = chart(*size)
    return expected(picture), got(picture)


def _filters() -> list[tuple[str, float, Measure, Resizer, Reference]]:
    cubic, linear = (partial(_antialiased, kernel=kernel) for kernel in ("cubic", "linear"))
    clean, legacy = (partial(_clean_fid, mode=mode) for mode in ("clean", "legacy_pytorch"))
    return [
        ("Pillow bicubic in float (clean-fid's clean)", 1e-3, "max", clean, cubic),
        ("torch bilinear, no antialias (legacy_pytorch)", _FLOAT32, "max", legacy, _plain_bilinear),
        ("torch bilinear, antialias", _FLOAT32, "max", _torch_antialiased, linear),
        ("TensorFlow 1 bilinear by torch's grid_sample", _FLOAT32, "max", tensorflow1_bilinear, _tensorflow1),
        ("Pillow bicubic in 8 bits (EfficientNet-Lite0)", _LEVELS, "mean", _effnet, _squashed),
        ("Pillow bicubic in 8 bits (DINOv2)", _LEVELS, "mean", _dinov2, _squashed),
        ("Pillow bicubic in 8 bits (CMMD)", _LEVELS, "mean", _cmmd, _cmmd_definition),
        ("open_clip's preprocessing (CLIP)", _LEVELS, "mean", _open_clip, _open_clip_definition),
    ]


def tensorflow1_bilinear(picture: RgbImage, side: int = INCEPTION) -> NDArray[np.float32]:
    """TensorFlow 1's bilinear resize as the TorchScript Inception does it: a grid shifted by half pixels."""
    import torch
    from torch.nn import functional

    height, width = picture.shape[:2]
    batch = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float()
    shift = torch.eye(2, 3)[None]
    shift[0, 0, 2], shift[0, 1, 2] = 1 / width - 1 / side, 1 / height - 1 / side
    grid = functional.affine_grid(shift, [1, 3, side, side], align_corners=False)
    resized = functional.grid_sample(batch, grid, "bilinear", padding_mode="border", align_corners=False)
    return resized[0].permute(1, 2, 0).numpy()


def _tensorflow1(picture: RgbImage) -> NDArray[np.float64]:
    rows, columns = (definition.tensorflow1_matrix(old, INCEPTION) for old in picture.shape[:2])
    return definition.resize(picture, rows, columns)


def _clean_fid(picture: RgbImage, mode: str) -> NDArray[Any]:
    import warnings

    from cleanfid.resize import build_resizer

    with warnings.catch_warnings():  # clean-fid silences all warnings of the process in one mode
        resized: NDArray[Any] = build_resizer(mode)(picture)
    return resized


def _antialiased(picture: RgbImage, kernel: definition.Kernel) -> NDArray[np.float64]:
    rows, columns = (definition.antialiased_matrix(old, INCEPTION, kernel) for old in picture.shape[:2])
    return definition.resize(picture, rows, columns).clip(0, 255)


def _plain_bilinear(picture: RgbImage) -> NDArray[np.float64]:
    rows, columns = (definition.interpolation_matrix(old, INCEPTION) for old in picture.shape[:2])
    return definition.resize(picture, rows, columns)


def _torch_antialiased(picture: RgbImage) -> NDArray[Any]:
    import torch
    from torch.nn import functional

    batch = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    side = (INCEPTION, INCEPTION)
    resized = functional.interpolate(batch, side, mode="bilinear", align_corners=False, antialias=True)
    levels: NDArray[Any] = resized[0].permute(1, 2, 0).numpy()
    return levels


def _squash(picture: RgbImage, height: int, width: int) -> NDArray[np.float64]:
    rows = definition.antialiased_matrix(picture.shape[0], height, "cubic")
    columns = definition.antialiased_matrix(picture.shape[1], width, "cubic")
    return definition.resize_8bit(picture, rows, columns)


def _squashed(picture: RgbImage) -> NDArray[np.float64]:
    return _squash(picture, 224, 224)


def _effnet(picture: RgbImage) -> NDArray[Any]:
    from harness.extractors import effnet

    return effnet.preprocess(picture) * 128.0 + 127.0


def _dinov2(picture: RgbImage) -> NDArray[Any]:
    from harness.extractors import dinov2

    seen = dinov2.preprocess(picture).transpose(1, 2, 0)
    levels: NDArray[Any] = (seen * np.array([0.229, 0.224, 0.225]) + np.array([0.485, 0.456, 0.406])) * 255
    return levels


def _cmmd(picture: RgbImage) -> NDArray[Any]:
    from harness.extractors import cmmd_clip

    return _clip_levels(cmmd_clip.preprocess(Image.fromarray(picture)).numpy())


def _cmmd_definition(picture: RgbImage) -> NDArray[np.float64]:
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return _squash(picture[top : top + side, left : left + side], 336, 336)


def _open_clip(picture: RgbImage) -> NDArray[Any]:
    import open_clip

    return _clip_levels(open_clip.image_transform(224, is_train=False)(Image.fromarray(picture)).numpy())


def _open_clip_definition(picture: RgbImage) -> NDArray[np.float64]:
    """The shorter side to 224, then the middle square."""
    height, width = picture.shape[:2]
    short = min(height, width)
    tall, wide = int(224 * height / short), int(224 * width / short)
    resized = _squash(picture, tall, wide)
    top, left = round((tall - 224) / 2), round((wide - 224) / 2)
    return resized[top : top + 224, left : left + 224]


def _clip_levels(seen: NDArray[Any]) -> NDArray[Any]:
    mean = np.array([0.48145466, 0.4578275, 0.40821073])
    std = np.array([0.26862954, 0.26130258, 0.27577711])
    levels: NDArray[Any] = (seen.transpose(1, 2, 0) * std + mean) * 255
    return levels
