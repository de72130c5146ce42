"""One stage of the cascade: its sampling settings, its noise, and how it draws one picture.

Every sample is drawn by itself, in a batch of its conditional and unconditional halves, from noise that is a
function of its seed and the stage alone: nothing beside it can change it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from imagen.guidance import classifier_free
from imagen.lowres import aug_log_snr, condition
from imagen.presets import StageConfig
from imagen.samplers import SAMPLERS
from imagen.schedule import SCHEDULES, time_grid, to_x0
from imagen.text import TokenStates
from imagen.thresholding import METHODS, threshold
from imagen.unet import UNet

CPU_THREADS: Final = 2
"""Threads of every network on a CPU, however many cores there are: sums split otherwise round otherwise."""


@contextmanager
def fixed_threads() -> Iterator[None]:
    """Sets torch's threads to `CPU_THREADS` and back."""
    before = torch.get_num_threads()
    torch.set_num_threads(CPU_THREADS)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True, slots=True)
class StageSettings:
    """How one stage samples. Raises ValueError on values that make no sense.

    `guidance_scale`: weight of classifier-free guidance, 1 is off; `steps`: evaluations of the network;
    `thresholding`: none, static or dynamic with `percentile`; `aug_sigma`: noise-to-signal ratio put on the
    low-resolution picture.
    """

    guidance_scale: float
    steps: int
    aug_sigma: float = 0.0
    thresholding: str = "dynamic"
    percentile: float = 99.5
    sampler: str = "dpm++2m"

    def __post_init__(self) -> None:
        if not math.isfinite(self.guidance_scale) or self.guidance_scale < 0:
            raise ValueError(f"guidance scale must be a number >= 0, got {self.guidance_scale}")
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1, got {self.steps}")
        if not math.isfinite(self.aug_sigma) or self.aug_sigma < 0:
            raise ValueError(f"aug_sigma must be a number >= 0, got {self.aug_sigma}")
        if self.thresholding not in METHODS:
            raise ValueError(f"unknown thresholding {self.thresholding!r}: use one of {', '.join(METHODS)}")
        if not 0 < self.percentile <= 100:
            raise ValueError(f"percentile must be in (0, 100], got {self.percentile}")
        if self.sampler not in SAMPLERS:
            raise ValueError(f"unknown sampler {self.sampler!r}: use one of {', '.join(SAMPLERS)}")


def stage_noise(seed: int, stage: int, purpose: str, shape: tuple[int, ...]) -> Tensor:
    """Standard normal noise, a function of its arguments alone. Made on the CPU whatever the device."""
    digest = hashlib.sha256(f"{seed}\0{stage}\0{purpose}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
    return torch.randn(shape, generator=generator)


class Stage:
    """One trained U-Net with its schedule, ready to sample."""

    def __init__(self, config: StageConfig, unet: UNet, device: str, dtype: torch.dtype) -> None:
        self.config, self.device, self.dtype = config, torch.device(device), dtype
        self.unet = unet.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def _encode(self, text: TokenStates, guided: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens, pooled vector and mask; with guidance, the dropped text (one zero token) as second row."""
        states = text.states[None].to(self.device)
        mask = torch.ones(states.shape[:2], dtype=torch.bool, device=self.device)
        if guided:
            states = torch.cat([states, torch.zeros_like(states)])
            mask = torch.cat([mask, torch.zeros_like(mask)])
            mask[1, 0] = True
        return *self.unet.encode_text(states, mask), mask

    @torch.inference_mode()
    def sample(self, text: TokenStates, seed: int, settings: StageSettings, small: Tensor | None) -> Tensor:
        """x0 (1, 3, S, S), float32 in about [-1, 1]; `small` is the stage before's uint8 (1, 3, s, s)."""
        size, guided = self.config.size, settings.guidance_scale != 1
        rows = 2 if guided else 1
        lowres: dict[str, Tensor] = {}
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            tokens, pooled, mask = self._encode(text, guided)
            if small is not None:
                noise = stage_noise(seed, size, "augmentation", tuple(small.shape)).to(self.device)
                sigma = torch.full((1,), settings.aug_sigma, device=self.device)
                lowres["lowres"] = condition(small, noise, sigma, size).expand(rows, -1, -1, -1)
                lowres["aug_log_snr"] = aug_log_snr(sigma).expand(rows)

            def denoise(z: Tensor, log_snr: float) -> Tensor:
                level = torch.full((rows,), log_snr, device=self.device)
                z = z.expand(rows, -1, -1, -1)
                raw = self.unet(z, level, tokens, pooled, mask, **lowres).float()
                x0 = to_x0(raw, z, level, self.config.prediction)
                if guided:
                    x0 = classifier_free(x0[:1], x0[1:], settings.guidance_scale)
                return threshold(x0, settings.thresholding, settings.percentile)

            start = stage_noise(seed, size, "start", (1, 3, size, size)).to(self.device)
            grid = time_grid(SCHEDULES[self.config.schedule], settings.steps)
            return SAMPLERS[settings.sampler](denoise, start, grid)
