"""Shrunken twins of presets: the same code and the same shape with few channels, for tests and benchmarks."""

from __future__ import annotations

from dataclasses import replace

from imagen.layers import GROUP
from imagen.presets import StageConfig
from imagen.unet_config import UNetConfig


def twin_unet(config: UNetConfig, divide: int = 16) -> UNetConfig:
    """`config` with channels and widths divided, none below one group of normalisation, levels as they are.

    Heads keep their number where that floor allows it. Raises ValueError when `divide` is below 1.
    """
    if divide < 1:
        raise ValueError(f"a twin's channels are divided by 1 or more, not {divide}")

    def fewer(channels: int) -> int:
        return min(channels, max(GROUP, channels // divide // GROUP * GROUP))

    return replace(
        config,
        channels=tuple(map(fewer, config.channels)),
        embed_dim=fewer(config.embed_dim),
        head_dim=fewer(config.head_dim),
        text_dim=fewer(config.text_dim),
        text_width=fewer(config.text_width),
    )


def twin_stage(stage: StageConfig, divide: int = 16) -> StageConfig:
    """The stage with its network's twin; all else is the same."""
    return replace(stage, unet=twin_unet(stage.unet, divide))
