"""The Efficient U-Net (Saharia et al. 2022, appendix B.1, F.2 and F.3, figures A.27 to A.29).

Downsampling comes before a level's convolutions and upsampling after them, skips are added once a level and
scaled by 1/sqrt(2), and most blocks sit at low resolutions. On a CPU pixels may enter in patches (pixel
unshuffle), which the paper's networks do not need: it makes the first level four or more times cheaper.
"""

from __future__ import annotations

import torch.nn as nn
from torch import Tensor

from imagen.conditioned import UNet, attention_layer, second_attention_layer
from imagen.layers import ResBlock, group_norm, zero_init
from imagen.unet_config import UNetConfig


def shrinking(channels: int, out_channels: int) -> nn.Conv2d:
    """The strided 3x3 convolution at the start of a DBlock (figure A.28)."""
    return nn.Conv2d(channels, out_channels, 3, stride=2, padding=1)


def growing(channels: int, out_channels: int, kernel: int) -> nn.Sequential:
    """Upsampling at the end of a UBlock (figure A.29): repetition and a 3x3 convolution, or a 1x1 before it.

    A 1x1 convolution commutes with repetition and costs a quarter on the smaller side.
    """
    up = nn.Upsample(scale_factor=2)
    if kernel == 1:
        return nn.Sequential(nn.Conv2d(channels, out_channels, 1), up)
    return nn.Sequential(up, nn.Conv2d(channels, out_channels, kernel, padding=kernel // 2))


class Level(nn.Module):
    """Residual blocks of one resolution with their attention: a DBlock or UBlock but for its resampling."""

    def __init__(self, config: UNetConfig, level: int) -> None:
        super().__init__()
        channels, blocks = config.channels[level], config.blocks[level]
        self.blocks = nn.ModuleList(ResBlock(channels, config.embed_dim) for _ in range(blocks))
        after_block = config.attention_after == "block"
        layers = [attention_layer(config, level) for _ in range(blocks if after_block else 1)]
        present = [layer for layer in layers if layer is not None]
        self.attention: nn.Module | None = None
        if present:
            self.attention = nn.ModuleList(present) if after_block else present[0]
        self.cross = second_attention_layer(config, level)

    def forward(self, x: Tensor, embedding: Tensor, text: Tensor, mask: Tensor) -> Tensor:
        if isinstance(self.attention, nn.ModuleList):
            for block, attention in zip(self.blocks, self.attention, strict=True):
                x = attention(block(x, embedding), text, mask)
            return x
        for block in self.blocks:
            x = block(x, embedding)
        if self.attention is not None:
            x = self.attention(x, text, mask)
        return x if self.cross is None else self.cross(x, text, mask)


class EfficientUNet(UNet):
    """The Efficient U-Net. Weights of `imagen-mini` are of this class."""

    def __init__(self, config: UNetConfig) -> None:
        if config.kind != "efficient":
            raise ValueError(f"this configuration is of kind {config.kind}, not efficient")
        super().__init__(config)
        channels, depth = config.channels, len(config.channels)
        kernel = 3 if config.patch <= 2 else 1
        self.stem = nn.Conv2d(self.entering, channels[0], kernel, padding=kernel // 2)
        halved = config.stem_stride == 2
        self.enter = shrinking(channels[0], channels[0]) if halved else None
        self.down = nn.ModuleList(Level(config, i) for i in range(depth))
        self.shrink = nn.ModuleList(shrinking(channels[i], channels[i + 1]) for i in range(depth - 1))
        self.up = nn.ModuleList(Level(config, i) for i in range(depth))
        self.grow = nn.ModuleList(
            growing(channels[i + 1], channels[i], config.up_kernel) for i in range(depth - 1)
        )
        self.leave = growing(channels[0], channels[0], config.up_kernel) if halved else None
        self.head = nn.Sequential(
            group_norm(channels[0]),
            nn.SiLU(),
            zero_init(nn.Conv2d(channels[0], self.pixels, kernel, padding=kernel // 2)),
        )

    def trunk(self, x: Tensor, embedding: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        x = self.stem(x)
        if self.enter is not None:
            x = self.enter(x)
        skips: list[Tensor] = []
        for i, level in enumerate(self.down):
            if i > 0:
                skips.append(x)
                x = self.shrink[i - 1](x)
            x = level(x, embedding, tokens, mask)
        for i in reversed(range(len(self.up))):
            if i < len(skips):
                x = (x + skips[i]) * 2**-0.5
            x = self.up[i](x, embedding, tokens, mask)
            if i > 0:
                x = self.grow[i - 1](x)
        if self.leave is not None:
            x = self.leave(x)
        out: Tensor = self.head(x)
        return out
