"""How a stage is trained: every value that changes what a run learns, validated."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any, Final, get_type_hints

from imagen.training.weighting import WEIGHTINGS

OPTIMISERS: Final = ("adamw", "adafactor")
DECAYS: Final = ("constant", "linear", "cosine")
PRECISIONS: Final = ("float32", "bfloat16")
MAY_CHANGE: Final = ("steps", "cooldown", "lr")
"""What a run may change when it goes on: how long and how fast, not what it learns."""


def _option(default: Any, about: str, choices: tuple[str, ...] = ()) -> Any:
    return field(default=default, metadata={"help": about, "choices": choices})


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """What a run learns and how; the command's flags are these fields. Raises ValueError on bad values.

    The defaults are imagen-mini's; `paper_config` has the paper's.
    """

    steps: int
    batch: int = _option(32, "pictures a step, over all processes and pieces")
    optimiser: str = _option("adamw", "the paper has adafactor for the base stage", OPTIMISERS)
    lr: float = _option(1.5e-3, "highest learning rate")
    beta2: float = _option(0.99, "adamw's memory of squared gradients")
    weight_decay: float = _option(0.01, "decoupled weight decay")
    warmup: int = _option(200, "steps in which the learning rate rises")
    decay: str = _option("linear", "how the learning rate falls to zero", DECAYS)
    cooldown: float = _option(0.4, "share of the steps, at the end, in which it falls")
    clip_norm: float = _option(1.0, "largest norm of a step's gradient")
    ema: float = _option(0.999, "decay of the moving average of the weights, reached by a ramp")
    text_drop: float = _option(0.1, "share of captions dropped, for classifier-free guidance")
    weighting: str = _option("capped_v", "weight of each noise level in the loss", tuple(WEIGHTINGS))
    gamma: float = _option(5.0, "cap of the weightings capped_v and min_snr")
    max_aug_sigma: float = _option(0.5, "largest noise-to-signal ratio put on low-resolution pictures")
    crop: int = _option(0, "train on squares of so many pixels cut from each picture; 0: whole pictures")
    precision: str = _option("float32", "number format of the network's arithmetic", PRECISIONS)
    seed: int = _option(0, "of weights, batches and noise")

    def __post_init__(self) -> None:
        for name in ("steps", "batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("warmup", "crop", "seed"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")
        for name in ("lr", "clip_norm", "gamma"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"{name} must be a number above 0, got {getattr(self, name)}")
        for name in ("weight_decay", "max_aug_sigma"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise ValueError(f"{name} must be a number >= 0, got {getattr(self, name)}")
        for name in ("ema", "beta2", "text_drop", "cooldown"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in 0..1, got {getattr(self, name)}")
        if 1 in (self.ema, self.beta2):
            raise ValueError("ema and beta2 must be below 1: an average that never moves learns nothing")
        for option in fields(self):
            choices, value = option.metadata.get("choices"), getattr(self, option.name)
            if choices and value not in choices:
                raise ValueError(f"unknown {option.name} {value!r}: use one of {', '.join(choices)}")


def option_types() -> dict[str, type]:
    """Each field's type, by name."""
    return get_type_hints(TrainConfig)


def paper_config(lowres: bool) -> dict[str, Any]:
    """The paper's values (section 4.1, appendix F) for the base stage, or with `lowres` for super-resolution.

    Adafactor for the base and Adam for super-resolution, 1e-4 after 10,000 steps of warm-up and a cosine to
    the end, no weight decay, 2.5 million steps of 2,048 pictures, plain weights of the squared error in the
    noise. The paper tells neither the moving average's decay, nor number formats, nor how its augmentation
    level in 0..1 becomes noise: 0.9999, float32, and a noise-to-signal ratio of up to 1 are ours.
    """
    return {
        "steps": 2_500_000,
        "batch": 2048,
        "optimiser": "adamw" if lowres else "adafactor",
        "lr": 1e-4,
        "beta2": 0.999,
        "weight_decay": 0.0,
        "warmup": 10_000,
        "decay": "cosine",
        "cooldown": 1.0,
        "ema": 0.9999,
        "weighting": "eps",
        "max_aug_sigma": 1.0,
    }
