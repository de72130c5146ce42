"""Building blocks of the U-Nets (Saharia et al. 2022, appendix B, figures A.27 to A.29)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def zero_init(module: nn.Conv2d | nn.Linear) -> nn.Conv2d | nn.Linear:
    """Zeroes weight and bias, so that a residual branch starts as the identity."""
    nn.init.zeros_(module.weight)
    if module.bias is not None:
        nn.init.zeros_(module.bias)
    return module


def group_norm(channels: int) -> nn.GroupNorm:
    """Group normalisation with groups of 8 or 16 channels."""
    return nn.GroupNorm(max(1, channels // 16), channels, eps=1e-5)


class LogSNREmbedding(nn.Module):
    """Fourier features of log-SNR followed by a two-layer network. (B,) -> (B, width)."""

    frequencies: Tensor

    def __init__(self, width: int, features: int = 64) -> None:
        super().__init__()
        self.register_buffer("frequencies", torch.exp(torch.linspace(0, math.log(200), features // 2)), False)
        self.net = nn.Sequential(nn.Linear(features, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, log_snr: Tensor) -> Tensor:
        phase = (log_snr.float() / 20)[:, None] * self.frequencies
        embedded: Tensor = self.net(torch.cat([phase.sin(), phase.cos()], dim=-1))
        return embedded


class ResBlock(nn.Module):
    """norm, swish, 3x3, norm scaled and shifted by the embedding, swish, 3x3, plus shortcut (figure A.27)."""

    def __init__(self, channels: int, embed_dim: int) -> None:
        super().__init__()
        self.norm1 = group_norm(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.embed = nn.Linear(embed_dim, 2 * channels)
        self.norm2 = group_norm(channels)
        self.conv2 = zero_init(nn.Conv2d(channels, channels, 3, padding=1))

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        scale, shift = self.embed(embedding)[:, :, None, None].chunk(2, dim=1)
        h = self.norm2(h) * (1 + scale) + shift
        out: Tensor = x + self.conv2(F.silu(h))
        return out


class Attention(nn.Module):
    """Image positions attend to text tokens and, with `self_attention`, to each other in the same softmax.

    The text's keys and values are concatenated to the image's, as in appendix D.3.1. Pads are masked out.
    """

    def __init__(self, channels: int, text_dim: int, head_dim: int, self_attention: bool) -> None:
        super().__init__()
        self.heads = max(1, channels // head_dim)
        self.self_attention = self_attention
        self.norm = group_norm(channels)
        self.query = nn.Linear(channels, channels)
        self.text_norm = nn.LayerNorm(text_dim)
        self.text_key_value = nn.Linear(text_dim, 2 * channels)
        self.key_value = nn.Linear(channels, 2 * channels) if self_attention else None
        self.out = zero_init(nn.Linear(channels, channels))

    def _split(self, x: Tensor) -> Tensor:
        batch, length, channels = x.shape
        return x.view(batch, length, self.heads, channels // self.heads).transpose(1, 2)

    def forward(self, x: Tensor, text: Tensor, mask: Tensor) -> Tensor:
        """x: (B, C, H, W); text: (B, T, D); mask: (B, T), true for tokens, false for pads."""
        batch, _, height, width = x.shape
        image = self.norm(x).flatten(2).transpose(1, 2)
        key_value = self.text_key_value(self.text_norm(text))
        visible = mask
        if self.key_value is not None:
            key_value = torch.cat([self.key_value(image), key_value], dim=1)
            visible = torch.cat([mask.new_ones(batch, height * width), mask], dim=1)
        key, value = key_value.chunk(2, dim=-1)
        attended = F.scaled_dot_product_attention(
            self._split(self.query(image)),
            self._split(key),
            self._split(value),
            attn_mask=visible[:, None, None, :],
        )
        h: Tensor = self.out(attended.transpose(1, 2).flatten(2))
        return x + h.transpose(1, 2).reshape(batch, -1, height, width)


class TextBlock(nn.Module):
    """A pre-norm transformer layer over text tokens. (B, T, D) -> (B, T, D)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = zero_init(nn.Linear(width, width))
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 3 * width), nn.GELU(), zero_init(nn.Linear(3 * width, width))
        )

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        qkv = self.qkv(self.norm1(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], attn_mask=mask[:, None, None, :])
        x = x + self.out(attended.transpose(1, 2).flatten(2))
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class TextConditioner(nn.Module):
    """Frozen token states to cross-attention tokens and one pooled vector (section 2.5).

    LayerNorm, a projection, a few transformer layers that bind words to one another (a sentence encoder
    hardly does: appendix D.1 finds the text encoder decisive), and attention pooling with a learned query.
    """

    def __init__(self, text_dim: int, width: int, layers: int, embed_dim: int) -> None:
        super().__init__()
        self.project = nn.Sequential(nn.LayerNorm(text_dim), nn.Linear(text_dim, width))
        self.blocks = nn.ModuleList(TextBlock(width, max(1, width // 32)) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.pool_score = nn.Linear(width, 1)
        self.pool_out = nn.Linear(width, embed_dim)

    def forward(self, states: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """states: (B, T, text_dim); mask: (B, T). Returns tokens (B, T, width) and pooled (B, embed_dim)."""
        x = self.project(states)
        for block in self.blocks:
            x = block(x, mask)
        x = self.norm(x)
        weight = self.pool_score(x).squeeze(-1).masked_fill(~mask, -torch.inf).softmax(-1)
        return x, self.pool_out((weight[..., None] * x).sum(1))
