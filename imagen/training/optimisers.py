"""Optimisers, the learning rate over a run, and the moving average of the weights."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from imagen.training.config import TrainConfig


def make_optimiser(config: TrainConfig, parameters: Iterable[Tensor]) -> torch.optim.Optimizer:
    """AdamW, which without weight decay is Adam, or Adafactor (Shazeer & Stern 2018).

    Adafactor is torch's own, not transformers': without any flags it is what the paper takes from optax
    (updates scaled by the parameter's own size, clipped at 1, decay 0.8, no momentum). Unlike optax's it
    factors the last two axes, so a 3 x 3 kernel saves a third where a matrix saves nearly everything.
    """
    if config.optimiser == "adafactor":
        return torch.optim.Adafactor(parameters, config.lr, weight_decay=config.weight_decay)
    return torch.optim.AdamW(
        parameters, config.lr, betas=(0.9, config.beta2), weight_decay=config.weight_decay, fused=True
    )


def learning_rate(config: TrainConfig, step: int) -> float:
    """Linear warm-up, constant, then to zero over the last `cooldown` share of the steps, as `decay` says."""
    rise = min(1.0, (step + 1) / max(1, config.warmup))
    if config.decay == "constant":
        return config.lr * rise
    left = (config.steps - step) / max(1.0, config.cooldown * config.steps)
    if config.decay == "cosine":
        left = (1 - math.cos(math.pi * min(left, 1.0))) / 2
    return config.lr * min(rise, left, 1.0)


def ema_decay(config: TrainConfig, step: int) -> float:
    """The average's decay after n steps: (1 + n) / (10 + n) up to `ema`, so that it forgets the start."""
    return min(config.ema, (1 + step) / (10 + step))
