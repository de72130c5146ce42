"""The low-resolution picture as a condition, one path for training and sampling (section 2.4, A.32)."""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

MIN_SIGMA: Final = 0.0067


def to_signed(pictures: Tensor) -> Tensor:
    """uint8 in [0, 255] to float32 in [-1, 1]. Any shape."""
    return pictures.float() / 127.5 - 1


def to_uint8(x: Tensor) -> Tensor:
    """[-1, 1] to uint8, rounded, not truncated. Values outside are clipped; NaN must be caught before."""
    return ((x.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def shrink(pictures: Tensor, factor: int) -> Tensor:
    """Area-averages uint8 (B, 3, H, W) by an integer factor and rounds to 8 bits, as a stage's output is."""
    return F.avg_pool2d(pictures.float(), factor).round().to(torch.uint8)


def augment(x: Tensor, noise: Tensor, aug_sigma: Tensor) -> Tensor:
    """Noise conditioning augmentation: (x + sigma * noise) / sqrt(1 + sigma^2), exact identity at sigma = 0.

    x, noise: (B, 3, h, w) with x in [-1, 1]; aug_sigma: (B,), the noise-to-signal ratio.
    """
    sigma = aug_sigma[:, None, None, None]
    return (x + sigma * noise) / torch.sqrt(1 + sigma.square())


def condition(pictures: Tensor, noise: Tensor, aug_sigma: Tensor, size: int) -> Tensor:
    """uint8 (B, 3, h, w) to the condition (B, 3, size, size): map to [-1, 1], add noise, upsample.

    The order is the same in training and in sampling; the noise is added once, at the low resolution.
    """
    noised = augment(to_signed(pictures), noise, aug_sigma)
    return F.interpolate(noised, size=(size, size), mode="bilinear", align_corners=False)


def aug_log_snr(aug_sigma: Tensor) -> Tensor:
    """log-SNR of the augmentation, finite at sigma = 0; what the U-Net is told. Shape (B,)."""
    return -2 * torch.log(aug_sigma.clamp(min=MIN_SIGMA))
