"""Building blocks of the U-Nets (Saharia et al. 2022, appendix B, figures A.27 to A.29)."""

from __future__ import annotations

import contextlib
import math
from typing import Final, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

GROUP: Final = 16
"""Channels of a group in group normalisation; a layer of fewer than two groups is one group."""

Resample = Literal["none", "up", "down"]


def zero_init(module: nn.Conv2d | nn.Linear) -> nn.Conv2d | nn.Linear:
    """Zeroes weight and bias, so that a residual branch starts as the identity."""
    nn.init.zeros_(module.weight)
    if module.bias is not None:
        nn.init.zeros_(module.bias)
    return module


def group_norm(channels: int) -> nn.GroupNorm:
    """Group normalisation with groups of 16 channels or little more. Raises ValueError where none fit."""
    groups = max(1, channels // GROUP)
    if channels % groups:
        raise ValueError(f"{channels} channels do not split into {groups} groups: use a multiple of {GROUP}")
    return nn.GroupNorm(groups, channels, eps=1e-5)


def resample(x: Tensor, how: Resample) -> Tensor:
    """Doubles a side by repetition, halves it by averaging, or neither. (B, C, H, W).

    Repetition before a convolution, never a strided transposed convolution, which leaves checkerboards.
    """
    if how == "up":
        return F.interpolate(x, scale_factor=2, mode="nearest")
    return F.avg_pool2d(x, 2) if how == "down" else x


class LogSNREmbedding(nn.Module):
    """Fourier features of log-SNR followed by a two-layer network. (B,) -> (B, width), float32 or wider.

    Never in half precision, whatever the network's: neighbouring noise levels would become one.
    """

    def __init__(self, width: int, features: int = 64) -> None:
        super().__init__()
        self.features = features
        self.net = nn.Sequential(nn.Linear(features, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, log_snr: Tensor) -> Tensor:
        device = log_snr.device
        dtype = torch.promote_types(next(self.net.parameters()).dtype, torch.float32)
        full = (
            torch.autocast(device.type, enabled=False) if device.type != "meta" else contextlib.nullcontext()
        )
        with full:
            exponents = torch.linspace(0, math.log(200), self.features // 2, device=device, dtype=dtype)
            phase = (log_snr.to(dtype) / 20)[:, None] * exponents.exp()
            x = torch.cat([phase.sin(), phase.cos()], dim=-1)
            for layer in self.net:
                if isinstance(layer, nn.Linear):
                    x = F.linear(x, layer.weight.to(dtype), layer.bias.to(dtype))
                else:
                    x = layer(x)
        return x


class ResBlock(nn.Module):
    """norm, swish, 3x3, norm scaled and shifted by the embedding, swish, 3x3, plus shortcut (figure A.27).

    The shortcut is a 1x1 convolution where the number of channels changes. With `resample`, both branches
    change their resolution before the first convolution, as BigGAN's blocks do (Brock et al. 2019).
    """

    def __init__(
        self, channels: int, embed_dim: int, out_channels: int | None = None, resample: Resample = "none"
    ) -> None:
        super().__init__()
        out_channels = out_channels or channels
        self.resample: Resample = resample
        self.norm1 = group_norm(channels)
        self.conv1 = nn.Conv2d(channels, out_channels, 3, padding=1)
        self.embed = nn.Linear(embed_dim, 2 * out_channels)
        self.norm2 = group_norm(out_channels)
        self.conv2 = zero_init(nn.Conv2d(out_channels, out_channels, 3, padding=1))
        self.shortcut = nn.Conv2d(channels, out_channels, 1) if channels != out_channels else None

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """x: (B, C, H, W); embedding: (B, E)."""
        h = self.conv1(resample(F.silu(self.norm1(x)), self.resample))
        scale, shift = self.embed(embedding)[:, :, None, None].chunk(2, dim=1)
        h = self.norm2(h) * (1 + scale) + shift
        x = resample(x, self.resample)
        if self.shortcut is not None:
            x = self.shortcut(x)
        out: Tensor = x + self.conv2(F.silu(h))
        return out


class Attention(nn.Module):
    """Image positions attend to text tokens and, with `self_attention`, to each other in the same softmax.

    The text's keys and values are concatenated to the image's, as in appendix D.3.1. Pads are masked out.
    `text_dim` 0 leaves the text out. `width`: hidden channels as a multiple of `channels`. `grid`: positions
    a side; each then has a learned vector, added to the image's features so that words and places can bind.
    """

    def __init__(
        self,
        channels: int,
        text_dim: int,
        head_dim: int,
        self_attention: bool,
        grid: int = 0,
        width: int = 1,
    ) -> None:
        super().__init__()
        if not (text_dim or self_attention):
            raise ValueError("attention needs a text, the image, or both to attend to")
        hidden = channels * width
        self.heads = max(1, hidden // head_dim)
        if hidden % self.heads:
            raise ValueError(f"{hidden} channels do not split into {self.heads} heads of {head_dim}")
        self.position = nn.Parameter(torch.zeros(channels, grid, grid)) if grid else None
        self.norm = group_norm(channels)
        self.query = nn.Linear(channels, hidden)
        self.text_norm = nn.LayerNorm(text_dim) if text_dim else None
        self.text_key_value = nn.Linear(text_dim, 2 * hidden) if text_dim else None
        self.key_value = nn.Linear(channels, 2 * hidden) if self_attention else None
        self.out = zero_init(nn.Linear(hidden, channels))

    def _split(self, x: Tensor) -> Tensor:
        batch, length, hidden = x.shape
        return x.view(batch, length, self.heads, hidden // self.heads).transpose(1, 2)

    def _image(self, x: Tensor) -> Tensor:
        image = self.norm(x)
        if self.position is not None:
            if self.position.shape != image.shape[1:]:
                side = self.position.shape[-1]
                raise ValueError(f"this U-Net knows {side} x {side} positions here, not {tuple(x.shape[2:])}")
            image = image + self.position
        flat: Tensor = image.flatten(2).transpose(1, 2)
        return flat

    def forward(self, x: Tensor, text: Tensor, mask: Tensor) -> Tensor:
        """x: (B, C, H, W); text: (B, T, D); mask: (B, T), true for tokens, one at least, false for pads."""
        batch, _, height, width = x.shape
        image = self._image(x)
        seen: list[Tensor] = [] if self.key_value is None else [self.key_value(image)]
        visible: Tensor | None = None
        if self.text_key_value is not None and self.text_norm is not None:
            seen.append(self.text_key_value(self.text_norm(text)))
            visible = mask
            if self.key_value is not None:
                visible = torch.cat([mask.new_ones(batch, height * width), mask], dim=1)
        key, value = (seen[0] if len(seen) == 1 else torch.cat(seen, dim=1)).chunk(2, dim=-1)
        attended = F.scaled_dot_product_attention(
            self._split(self.query(image)),
            self._split(key),
            self._split(value),
            attn_mask=None if visible is None else visible[:, None, None, :],
        )
        h: Tensor = self.out(attended.transpose(1, 2).flatten(2))
        return x + h.transpose(1, 2).reshape(batch, -1, height, width)
