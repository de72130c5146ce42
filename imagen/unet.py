"""The U-Nets behind one signature, made from their configuration."""

from __future__ import annotations

from typing import Final

from imagen.conditioned import UNet
from imagen.efficient_unet import EfficientUNet
from imagen.plain_unet import PlainUNet
from imagen.unet_config import UNetConfig

__all__ = ["EfficientUNet", "PlainUNet", "UNet", "UNetConfig", "build_unet"]

_KINDS: Final[dict[str, type[UNet]]] = {"efficient": EfficientUNet, "plain": PlainUNet}


def build_unet(config: UNetConfig) -> UNet:
    """A freshly initialised U-Net of the configuration's kind.

    Raises ValueError when channels do not split into groups or heads.
    """
    return _KINDS[config.kind](config)
