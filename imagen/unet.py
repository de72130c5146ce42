"""The Efficient U-Net (Saharia et al. 2022, appendix B.1 and F), small enough for a laptop.

Downsampling comes before a level's convolutions and upsampling after them, skips are added once a level and
scaled by 1/sqrt(2), and most blocks sit at low resolutions. Pixels enter in patches (pixel unshuffle), which
the paper's networks do not need: it makes the first level four or more times cheaper on a CPU.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from imagen.layers import Attention, LogSNREmbedding, ResBlock, TextConditioner, group_norm, zero_init

AttentionKind = Literal["none", "self", "cross"]


@dataclass(frozen=True, slots=True)
class UNetConfig:
    """The shape of one U-Net. `channels`, `blocks` and `attention` have one entry per resolution level.

    "cross" attends to text alone, "self" to text and image in one softmax. `lowres` adds the condition of a
    super-resolution stage. Raises ValueError when the lengths disagree.
    """

    patch: int
    channels: tuple[int, ...]
    blocks: tuple[int, ...]
    attention: tuple[AttentionKind, ...]
    lowres: bool = False
    embed_dim: int = 256
    head_dim: int = 32
    text_dim: int = 768
    text_width: int = 160
    text_layers: int = 2

    def __post_init__(self) -> None:
        if not len(self.channels) == len(self.blocks) == len(self.attention):
            raise ValueError("channels, blocks and attention must have one entry per level each")
        if any(kind not in ("none", "self", "cross") for kind in self.attention):
            raise ValueError(f"attention must be none, self or cross, got {self.attention}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for files."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> UNetConfig:
        """The inverse of `to_dict`; lists become tuples."""
        typed: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**typed)


class Level(nn.Module):
    """Residual blocks of one resolution, then attention if asked for (figures A.28 and A.29)."""

    def __init__(self, config: UNetConfig, level: int) -> None:
        super().__init__()
        channels, kind = config.channels[level], config.attention[level]
        self.blocks = nn.ModuleList(ResBlock(channels, config.embed_dim) for _ in range(config.blocks[level]))
        self.attention = (
            Attention(channels, config.text_width, config.head_dim, kind == "self")
            if kind != "none"
            else None
        )

    def forward(self, x: Tensor, embedding: Tensor, text: Tensor, mask: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x, embedding)
        return x if self.attention is None else self.attention(x, text, mask)


class EfficientUNet(nn.Module):
    """The raw prediction (x0 or v, as its stage says) from z, log-SNR, text and low-resolution condition."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        channels, depth = config.channels, len(config.channels)
        pixels = 3 * config.patch**2
        self.text = TextConditioner(config.text_dim, config.text_width, config.text_layers, config.embed_dim)
        self.time = LogSNREmbedding(config.embed_dim)
        self.aug = LogSNREmbedding(config.embed_dim) if config.lowres else None
        kernel = 3 if config.patch <= 2 else 1
        entering = pixels * (2 if config.lowres else 1)
        self.stem = nn.Conv2d(entering, channels[0], kernel, padding=kernel // 2)
        self.down = nn.ModuleList(Level(config, i) for i in range(depth))
        self.shrink = nn.ModuleList(
            nn.Conv2d(channels[i], channels[i + 1], 3, stride=2, padding=1) for i in range(depth - 1)
        )
        self.up = nn.ModuleList(Level(config, i) for i in range(depth))
        self.grow = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels[i + 1], channels[i], 1), nn.Upsample(scale_factor=2))
            for i in range(depth - 1)
        )
        self.head = nn.Sequential(
            group_norm(channels[0]),
            nn.SiLU(),
            zero_init(nn.Conv2d(channels[0], pixels, kernel, padding=kernel // 2)),
        )
        self.unshuffle = nn.PixelUnshuffle(config.patch)
        self.shuffle = nn.PixelShuffle(config.patch)

    def encode_text(self, states: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (B, T, text_width) and pooled vector (B, embed_dim), constant over a sampler's steps."""
        encoded: tuple[Tensor, Tensor] = self.text(states, mask)
        return encoded

    def forward(
        self,
        z: Tensor,
        log_snr: Tensor,
        tokens: Tensor,
        pooled: Tensor,
        mask: Tensor,
        lowres: Tensor | None = None,
        aug_log_snr: Tensor | None = None,
    ) -> Tensor:
        """The prediction, of shape z.

        z: (B, 3, S, S); log_snr, aug_log_snr: (B,); tokens, pooled: from `encode_text`; mask: (B, T), true
        for tokens; lowres: (B, 3, S, S), from `imagen.lowres.condition`. S must be divisible by
        patch * 2^(levels - 1).
        """
        embedding = self.time(log_snr) + pooled
        x = self.unshuffle(z)
        if self.aug is not None:
            if lowres is None or aug_log_snr is None:
                raise ValueError("a super-resolution U-Net needs lowres and aug_log_snr")
            embedding = embedding + self.aug(aug_log_snr)
            x = torch.cat([x, self.unshuffle(lowres)], dim=1)
        embedding = nn.functional.silu(embedding)
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
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
        out: Tensor = self.shuffle(self.head(x))
        return out
