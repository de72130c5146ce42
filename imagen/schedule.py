"""Continuous-time noise schedules, t -> log-SNR (Saharia et al. 2022, section 2.1 and appendix F).

With z = alpha * x0 + sigma * noise and alpha^2 + sigma^2 = 1, log-SNR = log(alpha^2 / sigma^2). Time t runs
from 0 (clean) to 1 (noise). log-SNR is kept inside [-LIMIT, LIMIT] so that multistep solvers stay finite.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

LIMIT: Final = 10.0

Schedule = Callable[[Tensor], Tensor]


def cosine_log_snr(t: Tensor) -> Tensor:
    """log-SNR of the cosine schedule, t in [0, 1]; truncated by rescaling time so that it stays smooth."""
    low, high = math.atan(math.exp(-LIMIT / 2)), math.atan(math.exp(LIMIT / 2))
    return -2 * torch.log(torch.tan(low + t * (high - low)))


def linear_log_snr(t: Tensor) -> Tensor:
    """log-SNR of the continuous form of DDPM's linear beta schedule, 1e-4 to 0.02 over 1000 steps."""
    integral = 0.1 * t + 0.5 * 19.9 * t.square()
    return (-torch.log(torch.expm1(integral.clamp(min=1e-6)))).clamp(-LIMIT, LIMIT)


PREDICTIONS: Final = ("eps", "x0", "v")
SCHEDULES: Final[dict[str, Schedule]] = {"cosine": cosine_log_snr, "linear": linear_log_snr}


def alpha_sigma(log_snr: Tensor) -> tuple[Tensor, Tensor]:
    """alpha and sigma of the variance-preserving process at a log-SNR of any shape."""
    return torch.sigmoid(log_snr).sqrt(), torch.sigmoid(-log_snr).sqrt()


def diffuse(x0: Tensor, noise: Tensor, log_snr: Tensor) -> Tensor:
    """z at the given log-SNR. x0, noise: (B, C, H, W); log_snr: (B,)."""
    alpha, sigma = alpha_sigma(log_snr[:, None, None, None])
    return alpha * x0 + sigma * noise


def to_x0(raw: Tensor, z: Tensor, log_snr: Tensor, prediction: str) -> Tensor:
    """x0 from a network's raw output: x0 itself, (z - sigma * eps) / alpha (Saharia et al. 2022, appendix A),
    or alpha * z - sigma * v (Salimans & Ho 2022, appendix D).

    raw, z: (B, C, H, W); log_snr: (B,). v = alpha * noise - sigma * x0.
    """
    if prediction == "x0":
        return raw
    alpha, sigma = alpha_sigma(log_snr[:, None, None, None])
    if prediction == "eps":
        return (z - sigma * raw) / alpha
    return alpha * z - sigma * raw


def time_grid(schedule: Schedule, steps: int) -> list[float]:
    """log-SNR at `steps` times from t = 1 downwards, evenly spaced in t; t = 0 is left to the solver.

    Python floats, so that a sampling step never waits for a device.
    """
    times = torch.linspace(1.0, 0.0, steps + 1, dtype=torch.float64)[:-1]
    return [float(value) for value in schedule(times)]
