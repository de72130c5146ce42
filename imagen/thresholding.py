"""Keeping predictions of x0 inside the range of pixels (Saharia et al. 2022, section 2.3, figure A.10)."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

METHODS: Final = ("none", "static", "dynamic")


def static_threshold(x0: Tensor) -> Tensor:
    """Clips to [-1, 1]."""
    return x0.clamp(-1.0, 1.0)


def dynamic_threshold(x0: Tensor, percentile: float = 99.5, cap: float | None = None) -> Tensor:
    """Clips each picture to [-s, s] and divides by s, with s = max(1, percentile of its |x0|).

    x0: (B, C, H, W) of any floating type; the percentile is taken in float32, per sample, as an order
    statistic (the nearest rank, rounded up), since torch.quantile is slower and fails on large pictures.
    `cap` bounds s from above, as DeepFloyd IF does; 1 is static thresholding, and the paper has none.
    Raises ValueError unless 0 < percentile <= 100 and cap >= 1.
    """
    check_dynamic(percentile, cap)
    magnitudes = x0.float().abs().flatten(1)
    rank = math.ceil(percentile / 100 * magnitudes.shape[1])
    s = magnitudes.kthvalue(rank, dim=1).values.clamp(min=1.0, max=cap)[:, None, None, None]
    return (torch.maximum(torch.minimum(x0.float(), s), -s) / s).to(x0.dtype)


def check_dynamic(percentile: float, cap: float | None) -> None:
    """Raises ValueError on what is no percentile on the scale of 0 to 100, or no cap."""
    if not 0 < percentile <= 100:
        raise ValueError(f"percentile must be in (0, 100], got {percentile}")
    if cap is not None and not (math.isfinite(cap) and cap >= 1):
        raise ValueError(f"threshold_cap must be a finite number >= 1, or none, got {cap}")


def threshold(x0: Tensor, method: str, percentile: float = 99.5, cap: float | None = None) -> Tensor:
    """Applies one of METHODS. Raises ValueError for an unknown method."""
    if method == "none":
        return x0
    if method == "static":
        return static_threshold(x0)
    if method == "dynamic":
        return dynamic_threshold(x0, percentile, cap)
    raise ValueError(f"unknown thresholding {method!r}: use one of {', '.join(METHODS)}")
