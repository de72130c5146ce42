"""Samplers around a denoiser, all with one signature: denoiser, starting noise, log-SNR grid, step noise.

A denoiser maps (z, log_snr) to a prediction of x0; guidance and thresholding live inside it, and each step
derives the noise in z from the x0 that it is given. The starting noise z stands at the first, lowest
log-SNR of the grid; the last step goes to sigma = 0, first-order and without noise, so that every sampler
ends in the denoiser's last prediction. Step noise is a function of the step's number to standard normal
noise of the shape of z; the deterministic samplers never ask for it. No sampler changes a tensor in place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Final

from torch import Tensor

from imagen.schedule import alpha_sigma_at

Denoiser = Callable[[Tensor, float], Tensor]
StepNoise = Callable[[int], Tensor]
Sampler = Callable[[Denoiser, Tensor, Sequence[float], StepNoise], Tensor]


def ancestral(
    denoiser: Denoiser,
    z: Tensor,
    log_snrs: Sequence[float],
    step_noise: StepNoise,
    stochasticity: float = 0.0,
) -> Tensor:
    """Ancestral sampling with interpolated variance (Saharia et al. 2022, appendix A).

    The variance of a step is (sigma~^2)^(1 - g) * (sigma^2)^g: the posterior's, which is the least possible,
    at g = `stochasticity` = 0, and the forward process's, the greatest, at 1.
    """
    x0 = denoiser(z, log_snrs[0])
    for step, (now, then) in enumerate(pairwise(log_snrs)):
        (alpha, sigma), (next_alpha, next_sigma) = alpha_sigma_at(now), alpha_sigma_at(then)
        kept, renewed = math.exp(now - then), -math.expm1(now - then)
        mean = kept * next_alpha / alpha * z + renewed * next_alpha * x0
        deviation = math.sqrt(renewed) * next_sigma ** (1 - stochasticity) * sigma**stochasticity
        z = mean + deviation * step_noise(step)
        x0 = denoiser(z, then)
    return x0


def ddim(
    denoiser: Denoiser, z: Tensor, log_snrs: Sequence[float], step_noise: StepNoise, eta: float = 0.0
) -> Tensor:
    """DDIM (Song et al. 2021, equations 12 and 16). `eta` 0 is deterministic, 1 is ancestral sampling."""
    x0 = denoiser(z, log_snrs[0])
    for step, (now, then) in enumerate(pairwise(log_snrs)):
        (alpha, sigma), (next_alpha, next_sigma) = alpha_sigma_at(now), alpha_sigma_at(then)
        noise = (z - alpha * x0) / sigma
        if eta == 0:
            z = next_alpha * x0 + next_sigma * noise
        else:
            fresh = eta * next_sigma * math.sqrt(-math.expm1(now - then))
            z = next_alpha * x0 + math.sqrt(next_sigma**2 - fresh**2) * noise + fresh * step_noise(step)
        x0 = denoiser(z, then)
    return x0


def dpm_solver_pp_2m(
    denoiser: Denoiser, z: Tensor, log_snrs: Sequence[float], step_noise: StepNoise
) -> Tensor:
    """DPM-Solver++(2M) (Lu et al. 2022, algorithm 2), with a first-order last step to sigma = 0."""
    x0 = denoiser(z, log_snrs[0])
    previous_x0: Tensor | None = None
    previous_h = 0.0
    for now, then in pairwise(log_snrs):
        (_, sigma), (next_alpha, next_sigma) = alpha_sigma_at(now), alpha_sigma_at(then)
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


def heun(denoiser: Denoiser, z: Tensor, log_snrs: Sequence[float], step_noise: StepNoise) -> Tensor:
    """Heun's second-order method (Karras et al. 2022, algorithm 1), two evaluations a step but the last.

    Their scale s(t) and noise level sigma(t) are cos t and tan t here: z stays variance-preserving, and its
    slope in the angle t is v = (alpha * z - x0) / sigma. In noise level itself, as in their own models, the
    first step of a short grid would span a factor of ten and its correction would overshoot.
    """
    x0 = denoiser(z, log_snrs[0])
    for now, then in pairwise(log_snrs):
        (alpha, sigma), (next_alpha, next_sigma) = alpha_sigma_at(now), alpha_sigma_at(then)
        turn = math.atan2(next_sigma, next_alpha) - math.atan2(sigma, alpha)
        slope = (alpha * z - x0) / sigma
        guess = z + turn * slope
        next_slope = (next_alpha * guess - denoiser(guess, then)) / next_sigma
        z = z + turn / 2 * (slope + next_slope)
        x0 = denoiser(z, then)
    return x0


SAMPLERS: Final[dict[str, Sampler]] = {
    "ancestral": ancestral,
    "ddim": ddim,
    "dpm++2m": dpm_solver_pp_2m,
    "heun": heun,
}


def make_sampler(name: str, eta: float = 0.0, stochasticity: float = 0.0) -> Sampler:
    """A sampler with its own option set: `eta` is DDIM's, `stochasticity` ancestral sampling's.

    Raises ValueError for an unknown name.
    """
    if name not in SAMPLERS:
        raise ValueError(f"unknown sampler {name!r}: use one of {', '.join(SAMPLERS)}")
    if name == "ddim":
        return partial(ddim, eta=eta)
    if name == "ancestral":
        return partial(ancestral, stochasticity=stochasticity)
    return SAMPLERS[name]


def evaluated_log_snrs(name: str, log_snrs: Sequence[float]) -> list[float]:
    """The log-SNR of each of a sampler's calls of its denoiser on a grid, in order."""
    times = 2 if name == "heun" else 1
    return [*log_snrs[:1], *(log_snr for log_snr in log_snrs[1:] for _ in range(times))]
