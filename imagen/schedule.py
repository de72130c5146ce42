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


def alpha_sigma_at(log_snr: float) -> tuple[float, float]:
    """`alpha_sigma` in Python floats, for samplers: no step waits for a device."""
    return math.sqrt(1 / (1 + math.exp(-log_snr))), math.sqrt(1 / (1 + math.exp(log_snr)))


def diffuse(x0: Tensor, noise: Tensor, log_snr: Tensor) -> Tensor:
    """z at the given log-SNR. x0, noise: (B, C, H, W); log_snr: (B,)."""
    alpha, sigma = alpha_sigma(log_snr[:, None, None, None])
    return alpha * x0 + sigma * noise


def target(x0: Tensor, noise: Tensor, log_snr: Tensor, prediction: str) -> Tensor:
    """What a network of this prediction should give: the noise, x0, or v = alpha * noise - sigma * x0.

    x0, noise: (B, C, H, W), the ones that z was made of; log_snr: (B,). In float32 at least. Raises
    ValueError for an unknown prediction.
    """
    x0, noise = _full(x0), _full(noise)
    if prediction == "x0":
        return x0
    if prediction == "eps":
        return noise
    if prediction == "v":
        alpha, sigma = alpha_sigma(log_snr[:, None, None, None])
        return alpha * noise - sigma * x0
    raise ValueError(f"unknown prediction {prediction!r}: use one of {', '.join(PREDICTIONS)}")


def to_x0(raw: Tensor, z: Tensor, log_snr: Tensor, prediction: str) -> Tensor:
    """x0 from a network's raw output; the inverse of `target` at the same z.

    eps: (z - sigma * raw) / alpha (appendix A); v: alpha * z - sigma * raw (Salimans & Ho 2022, appendix D).
    raw, z: (B, C, H, W); log_snr: (B,). In float32 at least. Raises ValueError for an unknown prediction, and
    for a raw output that has not the shape of z, as one with channels for a learned variance would.
    """
    if raw.shape != z.shape:
        raise ValueError(f"the network gave {tuple(raw.shape)} where z is {tuple(z.shape)}; they must agree")
    raw, z = _full(raw), _full(z)
    if prediction == "x0":
        return raw
    alpha, sigma = alpha_sigma(log_snr[:, None, None, None])
    if prediction == "eps":
        return (z - sigma * raw) / alpha
    if prediction == "v":
        return alpha * z - sigma * raw
    raise ValueError(f"unknown prediction {prediction!r}: use one of {', '.join(PREDICTIONS)}")


def _full(x: Tensor) -> Tensor:
    """Half precision to float32; float32 and float64 stay."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def time_grid(schedule: Schedule, steps: int) -> list[float]:
    """log-SNR at `steps` times from t = 1 downwards, evenly spaced in t; t = 0 is left to the solver.

    Python floats, so that a sampling step never waits for a device.
    """
    times = torch.linspace(1.0, 0.0, steps + 1, dtype=torch.float64)[:-1]
    return [float(value) for value in schedule(times)]
