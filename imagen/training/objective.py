"""The training objective: what is drawn for a batch, and the network's error.

Whatever the network predicts, its squared error is taken in x0; `imagen.training.weighting` says how noise
levels weigh in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor

from imagen.lowres import aug_log_snr, condition, shrink, to_signed
from imagen.presets import StageConfig
from imagen.schedule import SCHEDULES, diffuse, to_x0
from imagen.training.config import TrainConfig
from imagen.training.weighting import loss_weight

FACTOR: Final = 4
"""How many times larger a super-resolution stage's pictures are than its input."""


@dataclass(frozen=True, slots=True)
class Draws:
    """What is drawn for B pictures of S pixels: log-SNR (B,), noise (B, 3, S, S), and for super-resolution
    the augmentation's sigma (B,) and noise (B, 3, S/4, S/4)."""

    log_snr: Tensor
    noise: Tensor
    aug_sigma: Tensor | None = None
    aug_noise: Tensor | None = None

    def rows(self, rows: slice, device: torch.device) -> Draws:
        """The draws of some of the pictures, on their device."""
        chosen = [
            None if x is None else x[rows].to(device)
            for x in (self.log_snr, self.noise, self.aug_sigma, self.aug_noise)
        ]
        return Draws(*chosen)  # type: ignore[arg-type]


def draw(
    stage: StageConfig,
    config: TrainConfig,
    side: int,
    generator: torch.Generator,
) -> Draws:
    """Draws for a whole batch of pictures of `side` pixels.

    Time is stratified: uniform in each of B equal parts of [0, 1], dealt out to the pictures at random, as
    these come sorted: each would only ever be seen near one noise level. The augmentation level is drawn
    once per picture (appendix F; figure A.32).
    """
    batch = config.batch
    strata = torch.randperm(batch, generator=generator) + torch.rand(batch, generator=generator)
    log_snr = SCHEDULES[stage.schedule](strata / batch)
    noise = torch.randn((batch, 3, side, side), generator=generator)
    if not stage.unet.lowres:
        return Draws(log_snr, noise)
    aug_sigma = config.max_aug_sigma * torch.rand(batch, generator=generator)
    small = side // FACTOR
    return Draws(log_snr, noise, aug_sigma, torch.randn((batch, 3, small, small), generator=generator))


def predict(
    unet: Any, z: Tensor, log_snr: Tensor, states: Tensor, mask: Tensor, lowres: dict[str, Tensor]
) -> Tensor:
    """The network's raw prediction from token states, as one function that can be compiled."""
    tokens, pooled = unet.encode_text(states, mask)
    raw: Tensor = unet(z, log_snr, tokens, pooled, mask, **lowres)
    return raw


def batch_loss(
    unet: torch.nn.Module,
    stage: StageConfig,
    config: TrainConfig,
    pictures: Tensor,
    text: tuple[Tensor, Tensor],
    draws: Draws,
    predict: Callable[..., Tensor] = predict,
) -> Tensor:
    """The weighted squared error in x0, a scalar.

    pictures: (B, 3, S, S) uint8; text: states (B, T, D) and mask (B, T).
    """
    x0 = to_signed(pictures)
    lowres: dict[str, Tensor] = {}
    if draws.aug_sigma is not None and draws.aug_noise is not None:
        small = shrink(pictures, FACTOR)
        lowres["lowres"] = condition(small, draws.aug_noise, draws.aug_sigma, x0.shape[-1])
        lowres["aug_log_snr"] = aug_log_snr(draws.aug_sigma)
    z = diffuse(x0, draws.noise, draws.log_snr)
    with torch.autocast(x0.device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
        raw = predict(unet, z, draws.log_snr, *text, lowres)
    error = (to_x0(raw.float(), z, draws.log_snr, stage.prediction) - x0).square().mean((1, 2, 3))
    return (loss_weight(draws.log_snr, config.weighting, config.gamma) * error).mean()
