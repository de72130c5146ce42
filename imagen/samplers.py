"""Deterministic samplers around a denoiser, all with one signature.

A denoiser maps (z, log_snr) to a prediction of x0; guidance and thresholding live inside it. A sampler takes
it, the starting noise z at the first of the given log-SNRs, and returns the picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

from torch import Tensor

Denoiser = Callable[[Tensor, float], Tensor]
Sampler = Callable[[Denoiser, Tensor, Sequence[float]], Tensor]


def _alpha_sigma(log_snr: float) -> tuple[float, float]:
    return math.sqrt(1 / (1 + math.exp(-log_snr))), math.sqrt(1 / (1 + math.exp(log_snr)))


def ddim(denoiser: Denoiser, z: Tensor, log_snrs: Sequence[float]) -> Tensor:
    """DDIM with eta = 0 (Song et al. 2021, equation 12); the last step goes to the predicted x0."""
    x0 = denoiser(z, log_snrs[0])
    for now, then in pairwise(log_snrs):
        (alpha, sigma), (next_alpha, next_sigma) = _alpha_sigma(now), _alpha_sigma(then)
        noise = (z - alpha * x0) / sigma
        z = next_alpha * x0 + next_sigma * noise
        x0 = denoiser(z, then)
    return x0


def dpm_solver_pp_2m(denoiser: Denoiser, z: Tensor, log_snrs: Sequence[float]) -> Tensor:
    """DPM-Solver++(2M) (Lu et al. 2022, algorithm 2), with a first-order last step to sigma = 0."""
    x0 = denoiser(z, log_snrs[0])
    previous_x0: Tensor | None = None
    previous_h = 0.0
    for now, then in pairwise(log_snrs):
        (_, sigma), (next_alpha, next_sigma) = _alpha_sigma(now), _alpha_sigma(then)
        h = (then - now) / 2
        if previous_x0 is None:
            direction = x0
        else:
            ratio = h / (2 * previous_h)
            direction = (1 + ratio) * x0 - ratio * previous_x0
        z = (next_sigma / sigma) * z - next_alpha * math.expm1(-h) * direction
        previous_x0, previous_h = x0, h
        x0 = denoiser(z, then)
    return x0


SAMPLERS: Final[dict[str, Sampler]] = {"ddim": ddim, "dpm++2m": dpm_solver_pp_2m}
