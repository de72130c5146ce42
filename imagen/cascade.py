"""The cascade: text -> 64 x 64 -> 256 x 256 -> 1024 x 1024 (Saharia et al. 2022, section 2 and appendix F).

Every sample is drawn by itself, in a batch of its conditional and unconditional halves, from noise that is a
function of its seed and the stage alone: nothing beside it can change it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imagen.checkpoint import file_hash, load_unet
from imagen.guidance import classifier_free
from imagen.lowres import aug_log_snr, condition, to_uint8
from imagen.presets import StageConfig, load_preset
from imagen.samplers import SAMPLERS
from imagen.schedule import SCHEDULES, time_grid, to_x0
from imagen.text import MiniLM, TokenStates
from imagen.thresholding import METHODS, threshold
from imagen.unet import EfficientUNet

VERSION: Final = "1"
"""Raised whenever a change of code changes pictures; part of the model's identity."""


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


@dataclass(frozen=True, slots=True)
class Drawn:
    """One picture, uint8 (S, S, 3), or None with the reason. `notes` tell what a reader should know."""

    image: NDArray[np.uint8] | None
    reason: str = ""
    notes: tuple[str, ...] = ()


def default_settings(preset: str = "mini") -> dict[int, StageSettings]:
    """The preset's own sampling settings, by stage size, smallest first."""
    return {
        size: StageSettings(stage.guidance_scale, stage.steps, stage.aug_sigma, stage.thresholding)
        for size, stage in load_preset(preset).items()
    }


def stage_noise(seed: int, stage: int, purpose: str, shape: tuple[int, ...]) -> Tensor:
    """Standard normal noise, a function of its arguments alone. Made on the CPU whatever the device."""
    digest = hashlib.sha256(f"{seed}\0{stage}\0{purpose}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
    return torch.randn(shape, generator=generator)


class Stage:
    """One trained U-Net with its schedule, ready to sample."""

    def __init__(self, config: StageConfig, unet: EfficientUNet, device: str, dtype: torch.dtype) -> None:
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


class Cascade:
    """A text encoder and the stages up to a size."""

    def __init__(self, stages: Sequence[Stage], encoder: MiniLM, identity: dict[str, Any]) -> None:
        self.stages, self.encoder, self._identity = tuple(stages), encoder, identity

    def identity(self) -> dict[str, Any]:
        """Name, code version, hashes of all weights, device kind and number type."""
        return dict(self._identity)

    def generate(
        self, texts: Sequence[str], seeds: Sequence[int], settings: dict[int, StageSettings]
    ) -> list[Drawn]:
        """One picture per text and seed, from the last of the loaded stages."""
        with fixed_threads():
            return [self._draw(text, seed, settings) for text, seed in zip(texts, seeds, strict=True)]

    def _draw(self, text: str, seed: int, settings: dict[int, StageSettings]) -> Drawn:
        encoded = self.encoder.encode([text])[0]
        notes = (f"prompt truncated: {encoded.truncated} tokens cut off",) if encoded.truncated else ()
        picture: Tensor | None = None
        for stage in self.stages:
            size = stage.config.size
            x0 = stage.sample(encoded, seed, settings[size], picture)
            if not bool(torch.isfinite(x0).all()):
                return Drawn(None, f"the {size} px stage gave values that are not numbers", notes)
            picture = to_uint8(x0)
        if picture is None:
            return Drawn(None, "no stage is loaded", notes)
        return Drawn(picture[0].permute(1, 2, 0).cpu().numpy(), notes=notes)


def weights_path(preset: str, size: int) -> Path:
    """Where a preset's weights lie in this package."""
    return Path(str(files("imagen") / "weights" / f"{preset}-{size}.safetensors"))


def cascade_identity(preset: str, last_stage: int, device: str, dtype: str) -> dict[str, Any]:
    """What `Cascade.identity` gives, computed without loading a network.

    Raises ValueError for an unknown preset or stage, or missing weights.
    """
    sizes = list(load_preset(preset))
    if last_stage not in sizes:
        raise ValueError(f"{preset} has the stages {', '.join(map(str, sizes))}, not {last_stage}")
    paths = {size: weights_path(preset, size) for size in sizes if size <= last_stage}
    missing = [str(path) for path in paths.values() if not path.is_file()]
    if missing:
        raise ValueError(f"weights missing: {', '.join(missing)}")
    return {
        "name": f"imagen-{preset}",
        "version": VERSION,
        "weights": {str(size): file_hash(path) for size, path in paths.items()},
        "text_encoder": MiniLM.identity_of(),
        "device": device,
        "dtype": dtype,
    }


def load_cascade(preset: str, last_stage: int, device: str = "cpu", dtype: str = "float32") -> Cascade:
    """Loads the stages up to `last_stage` pixels. Raises ValueError as `cascade_identity` does."""
    identity = cascade_identity(preset, last_stage, device, dtype)
    stages = [
        Stage(config, load_unet(weights_path(preset, size))[0], device, getattr(torch, dtype))
        for size, config in load_preset(preset).items()
        if size <= last_stage
    ]
    return Cascade(stages, MiniLM(), identity)
