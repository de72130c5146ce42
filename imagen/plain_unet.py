"""The U-Net of the paper's base stage (Saharia et al. 2022, appendix F.1), after Dhariwal & Nichol (2021).

BigGAN blocks change the resolution, the skip of every block is concatenated, and every block of an attending
level is followed by attention. With `lowres` it is the super-resolution U-Net that the Efficient U-Net is
compared with in appendix B.1.
"""

from __future__ import annotations

import torch
import torch.nn as nn
from torch import Tensor

from imagen.conditioned import UNet, attention_layer
from imagen.layers import Resample, ResBlock, group_norm, zero_init
from imagen.unet_config import UNetConfig


class Step(nn.Module):
    """One residual block and the attention after it, if its level attends."""

    def __init__(
        self, config: UNetConfig, channels: int, level: int, resample: Resample = "none", attends: bool = True
    ) -> None:
        super().__init__()
        self.block = ResBlock(channels, config.embed_dim, config.channels[level], resample)
        self.attention = attention_layer(config, level) if attends else None

    def forward(self, x: Tensor, embedding: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        x = self.block(x, embedding)
        return x if self.attention is None else self.attention(x, tokens, mask)


class PlainUNet(UNet):
    """The U-Net of improved DDPM and ADM with text."""

    def __init__(self, config: UNetConfig) -> None:
        if config.kind != "plain":
            raise ValueError(f"this configuration is of kind {config.kind}, not plain")
        super().__init__(config)
        channels, last = config.channels, len(config.channels) - 1
        self.stem = nn.Conv2d(self.entering, channels[0], 3, padding=1)
        current, skips = channels[0], [channels[0]]
        down: list[Step] = []
        for level, blocks in enumerate(config.blocks):
            for _ in range(blocks):
                down.append(Step(config, current, level))
                current = channels[level]
                skips.append(current)
            if level < last:
                down.append(Step(config, current, level, "down", attends=False))
                skips.append(current)
        self.down = nn.ModuleList(down)
        self.middle = nn.ModuleList([Step(config, current, last), Step(config, current, last, attends=False)])
        up: list[Step] = []
        for level in reversed(range(last + 1)):
            for _ in range(config.blocks[level] + 1):
                up.append(Step(config, current + skips.pop(), level))
                current = channels[level]
            if level > 0:
                up.append(Step(config, current, level, "up", attends=False))
        self.up = nn.ModuleList(up)
        self.takes_skip = [step.block.resample != "up" for step in up]
        self.head = nn.Sequential(
            group_norm(current), nn.SiLU(), zero_init(nn.Conv2d(current, self.pixels, 3, padding=1))
        )

    def trunk(self, x: Tensor, embedding: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        x = self.stem(x)
        skips = [x]
        for step in self.down:
            x = step(x, embedding, tokens, mask)
            skips.append(x)
        for step in self.middle:
            x = step(x, embedding, tokens, mask)
        for step, takes_skip in zip(self.up, self.takes_skip, strict=True):
            if takes_skip:
                x = torch.cat([x, skips.pop()], dim=1)
            x = step(x, embedding, tokens, mask)
        out: Tensor = self.head(x)
        return out
