"""What "augmentation level" numbers mean as noise (section 2.4; figure A.32).

The paper's aug_level is a time in [0, 1] of some schedule, and every public code took another one. Here the
setting is `aug_sigma`, the noise-to-signal ratio sigma / alpha that `imagen.lowres.augment` mixes in; these
functions translate to it and back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import torch

from imagen.schedule import LIMIT, SCHEDULES


def aug_sigma_of_level(level: float, schedule: str) -> float:
    """The noise-to-signal ratio of the paper's aug_level on one of our SCHEDULES. Level 0 is no noise at all.

    Raises ValueError for a level outside [0, 1] and an unknown schedule.
    """
    _check_level(level)
    _check_schedule(schedule)
    if level == 0:
        return 0.0
    return math.exp(-float(SCHEDULES[schedule](torch.tensor(level, dtype=torch.float64))) / 2)


def level_of_aug_sigma(aug_sigma: float, schedule: str) -> float:
    """The aug_level in [0, 1] whose noise has this noise-to-signal ratio, by bisection.

    Ratios beyond either end of the schedule give 0 or 1. Raises ValueError for a negative ratio and an
    unknown schedule.
    """
    _check_schedule(schedule)
    if not math.isfinite(aug_sigma) or aug_sigma < 0:
        raise ValueError(f"aug_sigma must be a number >= 0, got {aug_sigma}")
    if aug_sigma <= math.exp(-LIMIT / 2):
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if aug_sigma_of_level(middle, schedule) < aug_sigma else (low, middle)
    return high


def mixture_sigma(aug_sigma: float) -> float:
    """sigma in alpha * x + sigma * noise, where alpha^2 + sigma^2 = 1 and sigma / alpha is `aug_sigma`."""
    return aug_sigma / math.sqrt(1 + aug_sigma**2)


def aug_sigma_elsewhere(code: str, level: float) -> float:
    """The noise-to-signal ratio that another code gives an augmentation level; CODES has their names.

    Raises ValueError for an unknown code and a level outside [0, 1].
    """
    if code not in CODES:
        raise ValueError(f"unknown code {code!r}: use one of {', '.join(CODES)}")
    _check_level(level)
    signal_share = CODES[code](level)
    return math.sqrt((1 - signal_share) / signal_share)


def _check_level(level: float) -> None:
    if not 0 <= level <= 1:
        raise ValueError(f"an augmentation level must be in [0, 1], got {level}")


def _check_schedule(schedule: str) -> None:
    if schedule not in SCHEDULES:
        raise ValueError(f"unknown schedule {schedule!r}: use one of {', '.join(SCHEDULES)}")


def _imagen_pytorch_linear(level: float) -> float:
    """alpha^2 of imagen-pytorch's continuous linear schedule, its default for the low-resolution noise."""
    return math.exp(-(1e-4 + 10 * level**2))


def _imagen_pytorch_cosine(level: float) -> float:
    """alpha^2 of imagen-pytorch's continuous cosine schedule."""
    return max(math.cos((level + 0.008) / 1.008 * math.pi / 2) ** 2, 1e-20)


def _minimagen(level: float) -> float:
    """alpha^2 of MinImagen: DDPM's 1000 linear betas up to and with the index 1000 * level."""
    last = min(int(1000 * level), 999)
    return math.prod(1 - (1e-4 + (0.02 - 1e-4) * i / 999) for i in range(last + 1))


def _deepfloyd_if(level: float) -> float:
    """alpha^2 of DeepFloyd IF: 1000 cosine betas, at most 0.999, up to and with the index 1000 * level."""

    def signal(t: float) -> float:
        return math.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2

    last = min(int(1000 * level), 999)
    return math.prod(max(signal((i + 1) / 1000) / signal(i / 1000), 1 - 0.999) for i in range(last + 1))


CODES: Final[dict[str, Callable[[float], float]]] = {
    "imagen-pytorch": _imagen_pytorch_linear,
    "imagen-pytorch-cosine": _imagen_pytorch_cosine,
    "minimagen": _minimagen,
    "deepfloyd-if": _deepfloyd_if,
}
"""Codes whose levels `aug_sigma_elsewhere` understands, each by its own schedule."""
