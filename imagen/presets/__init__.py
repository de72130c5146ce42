"""Cascades as data files. A preset names the U-Net of each stage and its sampling defaults.

A preset of one's own is a .toml file, or a folder that holds it as `cascade.toml`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from imagen.schedule import PREDICTIONS, SCHEDULES
from imagen.unet import UNetConfig

CASCADE_FILE: Final = "cascade.toml"


@dataclass(frozen=True, slots=True)
class StageConfig:
    """One stage of a cascade: its network, noise schedule and sampling defaults.

    `size` in pixels; `aug_sigma` is 0 for the base stage; `guidance_scale` and all else that is not the
    network's are the defaults of the fields of the same names of `imagen.stage.StageSettings`.
    """

    size: int
    schedule: str
    prediction: str
    guidance_scale: float
    steps: int
    unet: UNetConfig
    aug_sigma: float = 0.0
    thresholding: str = "dynamic"
    percentile: float = 99.5
    sampler: str = "dpm++2m"
    stochasticity: float = 0.0
    guidance_interval: Sequence[float] | None = None

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise ValueError(f"unknown schedule {self.schedule!r}: use one of {', '.join(SCHEDULES)}")
        if self.prediction not in PREDICTIONS:
            raise ValueError(f"unknown prediction {self.prediction!r}: use one of {', '.join(PREDICTIONS)}")


def preset_names() -> list[str]:
    """Names that `load_preset` knows."""
    return sorted(
        f.name.removesuffix(".toml") for f in files(__package__).iterdir() if f.name.endswith(".toml")
    )


def preset_file(name: str) -> Path:
    """The file of a preset by its name, path, or folder. Raises ValueError where there is none."""
    if name in preset_names():
        return Path(str(files(__package__) / f"{name}.toml"))
    path = Path(name)
    if path.is_dir():
        path /= CASCADE_FILE
    if path.is_file():
        return path
    if path.suffix == ".toml":
        raise ValueError(f"there is no preset file {path}")
    raise ValueError(
        f"unknown preset {name!r}: use one of {', '.join(preset_names())}, a .toml file or a folder with "
        f"{CASCADE_FILE}"
    )


def load_preset(name: str) -> dict[int, StageConfig]:
    """Stages by size, smallest first. Raises ValueError for an unknown name or a malformed file.

    A preset has tables `[stage.SIZE]` of its own, or takes over other presets' stages with `include`.
    """
    content = _content(name)
    try:
        stages = [
            StageConfig(**{**stage, "unet": UNetConfig.from_dict(stage["unet"])})
            for stage in content.get("stage", {}).values()
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"preset {name} is malformed: {error or type(error).__name__}") from error
    for other in content.get("include", []):
        stages.extend(load_preset(other).values())
    if not stages:
        raise ValueError(f"preset {name} has no stages")
    return {stage.size: stage for stage in sorted(stages, key=lambda stage: stage.size)}


def preset_text_encoder(name: str) -> str:
    """The text encoder that all of a preset's U-Nets were made for; MiniLM by default.

    Raises ValueError for an unknown preset.
    """
    return str(_content(name).get("text_encoder", "minilm"))


def _content(name: str) -> dict[str, Any]:
    path = preset_file(name)
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is no preset: {error}") from error
