"""One stage of the cascade: its sampling settings, its noise, and how it draws one picture.

Every sample is drawn by itself, in a batch of its conditional and unconditional halves, from noise that is a
function of its seed and the stage alone: nothing beside it can change it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any, Final

import torch
from torch import Tensor

from imagen.guidance import CLASSIFIER_FREE, RULES, check_interval, classifier_free, inside
from imagen.lowres import aug_log_snr, condition
from imagen.presets import StageConfig
from imagen.samplers import SAMPLERS, Denoiser, evaluated_log_snrs, make_sampler
from imagen.schedule import SCHEDULES, time_grid, to_x0
from imagen.text import TokenStates, collate, null_text
from imagen.thresholding import METHODS, check_dynamic, threshold
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


ONLY_WITH: Final[dict[str, tuple[str, str]]] = {
    "eta": ("sampler", "ddim"),
    "stochasticity": ("sampler", "ancestral"),
    "percentile": ("thresholding", "dynamic"),
    "threshold_cap": ("thresholding", "dynamic"),
}
"""Fields that only one choice in another makes use of. Elsewhere they must keep their defaults, or a setting
that changes no picture would pass for one that does."""


@dataclass(frozen=True, slots=True)
class StageSettings:
    """How one stage samples. Raises ValueError on values that make no sense.

    `guidance_scale`: weight of classifier-free guidance, 1 is off, under the rule named `guidance_rule`;
    `guidance_interval`: the log-SNRs between which guidance acts, None for all of them; `steps`: of the
    sampler; `eta` (ddim) and `stochasticity` (ancestral): share of fresh noise in a step, in [0, 1];
    `thresholding`: none, static or dynamic with `percentile` and perhaps `threshold_cap`; `aug_sigma`:
    noise-to-signal ratio put on the low-resolution picture.
    """

    guidance_scale: float
    steps: int
    aug_sigma: float = 0.0
    thresholding: str = "dynamic"
    percentile: float = 99.5
    sampler: str = "dpm++2m"
    threshold_cap: float | None = None
    eta: float = 0.0
    stochasticity: float = 0.0
    guidance_interval: tuple[float, float] | None = None
    guidance_rule: str = CLASSIFIER_FREE

    def __post_init__(self) -> None:
        if not math.isfinite(self.guidance_scale) or self.guidance_scale < 0:
            raise ValueError(f"guidance scale must be a number >= 0, got {self.guidance_scale}")
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1, got {self.steps}")
        if not math.isfinite(self.aug_sigma) or self.aug_sigma < 0:
            raise ValueError(f"aug_sigma must be a number >= 0, got {self.aug_sigma}")
        for name in ("eta", "stochasticity"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be in [0, 1], got {getattr(self, name)}")
        for name, known in (("thresholding", METHODS), ("sampler", SAMPLERS), ("guidance_rule", RULES)):
            if getattr(self, name) not in known:
                raise ValueError(f"unknown {name} {getattr(self, name)!r}: use one of {', '.join(known)}")
        check_dynamic(self.percentile, self.threshold_cap)
        check_interval(self.guidance_interval)
        for name, (chooser, choice) in ONLY_WITH.items():
            if getattr(self, name) != unused_value(name) and getattr(self, chooser) != choice:
                raise ValueError(
                    f"{name} is of use with {chooser}={choice} only, not {getattr(self, chooser)}"
                )

    @classmethod
    def of(cls, config: StageConfig) -> StageSettings:
        """A stage's own settings, as its preset has them."""
        names = [field.name for field in fields(cls) if hasattr(config, field.name)]
        values = {name: getattr(config, name) for name in names}
        if config.guidance_interval is not None:
            values["guidance_interval"] = tuple(config.guidance_interval)
        return cls(**values)

    def guides(self, log_snr: float) -> bool:
        """Whether an evaluation at this log-SNR needs the unconditional pass too."""
        return self.guidance_scale != 1 and inside(log_snr, self.guidance_interval)


def unused_value(name: str) -> Any:
    """What a field of ONLY_WITH holds where it is of no use: its default."""
    return next(field.default for field in fields(StageSettings) if field.name == name)


def network_evaluations(config: StageConfig, settings: StageSettings) -> int:
    """Evaluations of a stage's network for one picture; a guided step needs the unconditional one too."""
    grid = time_grid(SCHEDULES[config.schedule], settings.steps)
    return sum(2 if settings.guides(at) else 1 for at in evaluated_log_snrs(settings.sampler, grid))


def stage_noise(seed: int, stage: int, purpose: str, shape: tuple[int, ...]) -> Tensor:
    """Standard normal noise, a function of its arguments alone. Made on the CPU whatever the device."""
    digest = hashlib.sha256(f"{seed}\0{stage}\0{purpose}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
    return torch.randn(shape, generator=generator)


class Stage:
    """One trained U-Net with its schedule, ready to sample."""

    def __init__(self, config: StageConfig, unet: UNet, device: str, dtype: torch.dtype) -> None:
        self.config, self.device, self.dtype = config, torch.device(device), dtype
        moved = unet.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.unet: UNet = moved

    def _encode(self, text: TokenStates, guided: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens, pooled vector and mask; with guidance, the dropped text (one zero token) as second row."""
        texts = [text, null_text(text.states.shape[1])] if guided else [text]
        states, mask = (x.to(self.device) for x in collate(texts))
        return *self.unet.encode_text(states, mask), mask

    @torch.inference_mode()
    def sample(
        self,
        text: TokenStates,
        seed: int,
        settings: StageSettings,
        small: Tensor | None,
        guide: Callable[[Denoiser], Denoiser] | None = None,
    ) -> Tensor:
        """x0 (1, 3, S, S), float32 in about [-1, 1]; `small` is the stage before's uint8 (1, 3, s, s).

        `guide` may wrap the denoiser once more, as `imagen.guidance.classifier_guided` does, before
        thresholding. Its step noise, start and augmentation are functions of seed and stage alone. All steps
        are made in the network's patches, which changes no number and saves taking pictures apart each time.
        """
        unet, size, shape = self.unet, self.config.size, (1, 3, self.config.size, self.config.size)
        lowres: dict[str, Tensor] = {}
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            tokens, pooled, mask = self._encode(text, settings.guidance_scale != 1)
            if small is not None:
                noise = stage_noise(seed, size, "augmentation", tuple(small.shape)).to(self.device)
                sigma = torch.full((1,), settings.aug_sigma, device=self.device)
                lowres["lowres"] = unet.to_patches(condition(small, noise, sigma, size))
                lowres["aug_log_snr"] = aug_log_snr(sigma)

            def predict(z: Tensor, log_snr: float) -> Tensor:
                rows = 2 if settings.guides(log_snr) else 1
                level = torch.full((rows,), log_snr, device=self.device)
                z = z.expand(rows, -1, -1, -1)
                beside = {name: value.expand(rows, *value.shape[1:]) for name, value in lowres.items()}
                raw = unet(z, level, tokens[:rows], pooled[:rows], mask[:rows], in_patches=True, **beside)
                x0 = to_x0(raw, z, level, self.config.prediction)
                return x0 if rows == 1 else classifier_free(x0[:1], x0[1:], settings.guidance_scale)

            guided = predict if guide is None else self._on_pictures(predict, guide)

            def denoise(z: Tensor, log_snr: float) -> Tensor:
                x0 = guided(z, log_snr)
                return threshold(x0, settings.thresholding, settings.percentile, settings.threshold_cap)

            def step_noise(step: int) -> Tensor:
                return unet.to_patches(stage_noise(seed, size, f"step {step}", shape).to(self.device))

            start = unet.to_patches(stage_noise(seed, size, "start", shape).to(self.device))
            grid = time_grid(SCHEDULES[self.config.schedule], settings.steps)
            sampler = make_sampler(settings.sampler, settings.eta, settings.stochasticity)
            return unet.from_patches(sampler(denoise, start, grid, step_noise))

    def _on_pictures(self, predict: Denoiser, guide: Callable[[Denoiser], Denoiser]) -> Denoiser:
        """`guide` around a denoiser of patches; what it sees and gives are pictures."""
        into, out_of = self.unet.to_patches, self.unet.from_patches
        wrapped = guide(lambda z, log_snr: out_of(predict(into(z), log_snr)))
        return lambda z, log_snr: into(wrapped(out_of(z), log_snr))
