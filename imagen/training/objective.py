"""The training objective: what is drawn for a batch, the network's error, and how noise levels weigh in it.

Whatever the network predicts, its squared error is taken in x0, and a weighting is a function of SNR that
multiplies it. With eps = (z - alpha x0) / sigma and v = alpha eps - sigma x0, a squared error in eps is SNR
times that in x0, and one in v is SNR + 1 times.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor

from imagen.lowres import aug_log_snr, condition, shrink, to_signed
from imagen.schedule import SCHEDULES, diffuse, to_x0

if TYPE_CHECKING:
    from imagen.presets import StageConfig
    from imagen.training.config import TrainConfig

FACTOR: Final = 4
"""How many times larger a super-resolution stage's pictures are than its input."""


def _capped_v(snr: Tensor, gamma: float) -> Tensor:
    """min(SNR + 1, gamma): the plain v loss with a cap.

    The cap keeps small networks from spending themselves on the last trace of noise, as in Hang et al.
    (2023), but unlike theirs it leaves the noisiest times, where a picture's layout is decided, at full
    weight.
    """
    return (snr + 1).clamp(max=gamma)


WEIGHTINGS: Final[dict[str, Callable[[Tensor, float], Tensor]]] = {
    "capped_v": _capped_v,
    "eps": lambda snr, gamma: snr,
    "v": lambda snr, gamma: snr + 1,
    "x0": lambda snr, gamma: torch.ones_like(snr),
    "min_snr": lambda snr, gamma: snr.clamp(max=gamma),
}
"""Weights of a squared error in x0. "eps", "v" and "x0" make it the plain squared error in those.

"min_snr" is Hang et al. (2023): min(SNR, gamma) here is min(SNR, gamma) / SNR on an error in eps, and
min(SNR, gamma) / (SNR + 1) on one in v.
"""


def loss_weight(log_snr: Tensor, weighting: str, gamma: float) -> Tensor:
    """The weight of a squared error in x0 at each log-SNR, of the same shape."""
    return WEIGHTINGS[weighting](log_snr.exp(), gamma)


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
