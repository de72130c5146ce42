"""What every U-Net of the cascade has in common: one forward signature, the text, the noise levels."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imagen.layers import Attention, LogSNREmbedding
from imagen.text_conditioning import TextConditioner, visible_tokens
from imagen.unet_config import UNetConfig


def attention_layer(config: UNetConfig, level: int) -> Attention | None:
    """The attention of a level, the first one where it has two, or None where it has none."""
    kind = config.attention_at(level)
    return None if kind == "none" else _attention(config, level, kind != "cross")


def second_attention_layer(config: UNetConfig, level: int) -> Attention | None:
    """The attention to the text alone that "self+cross" adds; None at other levels."""
    return _attention(config, level, False) if config.attention_at(level) == "self+cross" else None


def _attention(config: UNetConfig, level: int, self_attention: bool) -> Attention:
    return Attention(
        config.channels[level],
        config.text_width if config.conditioning == "cross" else 0,
        config.head_dim if self_attention else config.cross_head_dim or config.head_dim,
        self_attention,
        config.grid >> level,
        config.attention_width,
    )


class UNet(nn.Module, ABC):
    """The raw prediction (eps, x0 or v, as its stage says) from z, log-SNR, text and low-resolution picture.

    Three output channels always: the variance is the sampler's, not learned.
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        self.text = TextConditioner(
            config.text_dim, config.text_width, config.text_layers, config.embed_dim, config.conditioning
        )
        self.time = LogSNREmbedding(config.embed_dim)
        self.aug = LogSNREmbedding(config.embed_dim) if config.lowres else None
        self.pixels = 3 * config.patch**2
        self.entering = self.pixels * (2 if config.lowres else 1)

    @abstractmethod
    def trunk(self, x: Tensor, embedding: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        """The network proper: (B, entering, S / patch, S / patch) to (B, pixels, S / patch, S / patch)."""

    def encode_text(self, states: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (B, T, text_width) and pooled vector (B, embed_dim), constant over a sampler's steps.

        states: (B, T, text_dim); mask: (B, T) bool, true for tokens. What stands in pads is not read; a row
        without tokens counts as the dropped text, one zero token.
        """
        encoded: tuple[Tensor, Tensor] = self.text(states, mask)
        return encoded

    def to_patches(self, pictures: Tensor) -> Tensor:
        """(B, 3, S, S) to the form in which the network reads pictures, (B, pixels, S / patch, S / patch)."""
        patches: Tensor = F.pixel_unshuffle(pictures, self.config.patch)
        return patches.contiguous(memory_format=torch.channels_last)

    def from_patches(self, patches: Tensor) -> Tensor:
        """The pictures (B, 3, S, S) of such a form."""
        pictures: Tensor = F.pixel_shuffle(patches, self.config.patch)
        return pictures

    def forward(
        self,
        z: Tensor,
        log_snr: Tensor,
        tokens: Tensor,
        pooled: Tensor,
        mask: Tensor,
        lowres: Tensor | None = None,
        aug_log_snr: Tensor | None = None,
        in_patches: bool = False,
    ) -> Tensor:
        """The prediction, of shape z.

        z: (B, 3, S, S); log_snr, aug_log_snr: (B,); tokens, pooled: from `encode_text`; mask: (B, T), true
        for tokens; lowres: (B, 3, S, S), from `imagen.lowres.condition`. With `in_patches` z, lowres and the
        prediction are in the form of `to_patches`, which spares a sampler the change at every step. Raises
        ValueError when S is no multiple of the configuration's `stride`, or a super-resolution U-Net lacks
        its condition.
        """
        if not in_patches:
            stride = self.config.stride
            if z.shape[-1] % stride or z.shape[-2] % stride:
                raise ValueError(
                    f"this U-Net takes sides that are multiples of {stride}, not {tuple(z.shape[2:])}"
                )
            lowres = None if lowres is None else self.to_patches(lowres)
            z = self.to_patches(z)
        embedding = self.time(log_snr) + pooled
        x = z
        if self.aug is not None:
            if lowres is None or aug_log_snr is None:
                raise ValueError("a super-resolution U-Net needs lowres and aug_log_snr")
            embedding = embedding + self.aug(aug_log_snr)
            x = torch.cat([z, lowres], dim=1)
        embedding = F.silu(embedding).to(z.dtype)
        x = x.contiguous(memory_format=torch.channels_last)
        raw = self.trunk(x, embedding, tokens, visible_tokens(mask))
        return raw if in_patches else self.from_patches(raw)
