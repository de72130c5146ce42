"""Guidance: classifier-free, as the paper does it, and by a classifier, as its contrast (section 2.2)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

from imagen.samplers import Denoiser
from imagen.schedule import alpha_sigma_at

CLASSIFIER_FREE: Final = "classifier_free_x0"
RULES: Final = (CLASSIFIER_FREE,)
"""The rules by which a guidance scale acts, and their space: one number is another picture under another."""

LogProbability = Callable[[Tensor, float], Tensor]
"""log p(y | z) of a wish y, at (z, log_snr), up to a constant: (B, C, H, W) -> (B,)."""


def classifier_free(conditional: Tensor, unconditional: Tensor, guidance_scale: float) -> Tensor:
    """w * conditional + (1 - w) * unconditional; w = 1 is off.

    Both are predictions at the same z, as x0, noise or v: these are affine in one another, so the rule is the
    same in each of the three spaces, until thresholding. Here it is applied to x0.
    """
    return unconditional + guidance_scale * (conditional - unconditional)


def inside(log_snr: float, interval: tuple[float, float] | None) -> bool:
    """Whether guidance acts at a log-SNR: inside [low, high], or everywhere (Kynkäänniemi et al. 2024)."""
    return interval is None or interval[0] <= log_snr <= interval[1]


def check_interval(interval: tuple[float, float] | None) -> None:
    """Raises ValueError unless it is None or two finite log-SNRs, low < high."""
    if interval is None:
        return
    if len(interval) != 2 or not all(map(math.isfinite, interval)) or not interval[0] < interval[1]:
        raise ValueError(f"guidance_interval must be two log-SNRs, low < high, got {list(interval)}")


def classifier_guided(denoiser: Denoiser, log_probability: LogProbability, scale: float) -> Denoiser:
    """A denoiser whose score has scale * grad_z log p(y | z) added (Dhariwal & Nichol 2021, section 4).

    The score is (alpha * x0 - z) / sigma^2, so x0 moves by scale * sigma^2 / alpha times the gradient; with
    scale 1 and the exact p(y | z) the result is E[x0 | z, y]. The gradient is taken for each sample by
    itself, with respect to z, also inside torch.inference_mode. `scale` 0 is off.
    """

    def guided(z: Tensor, log_snr: float) -> Tensor:
        alpha, sigma = alpha_sigma_at(log_snr)
        with torch.inference_mode(False), torch.enable_grad():
            leaf = z.clone().requires_grad_()
            (gradient,) = torch.autograd.grad(log_probability(leaf, log_snr).sum(), leaf)
        return denoiser(z, log_snr) + scale * sigma**2 / alpha * gradient

    return guided
