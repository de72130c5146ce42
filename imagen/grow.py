"""Function-preserving growth of a trained Efficient U-Net into a wider or deeper one.

After Net2Net (Chen et al. 2016), in the variant that leaves old units alone: a new unit has random weights
coming in and zeros going out to old units, a new residual block or attention layer starts as the identity.
The grown network computes what the old one did.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from imagen.checkpoint import load_unet
from imagen.layers import group_norm
from imagen.unet import UNet, UNetConfig, build_unet

_FIXED: Final = (
    ("kind", "the two kinds of U-Net share no weights"),
    ("patch", "the stem would see other pixels"),
    ("lowres", "an untrained noise level would join the embedding"),
    ("conditioning", "attention and pooling would change"),
    ("text_dim", "LayerNorm over the encoder's states would change"),
    ("text_width", "LayerNorm over tokens would change"),
    ("attention_after", "attention layers would change their places"),
    ("up_kernel", "upsampling would change"),
    ("stem_stride", "resolutions would change"),
)
_WIDER: Final = ("embed_dim", "attention_width", "text_layers")

# Layers whose output is several vectors end to end, each of which grows by itself.
_PARTS: Final = {".embed.": 2, "key_value.": 2}


def grow(path: Path, config: UNetConfig, seed: int = 0) -> dict[str, Tensor]:
    """The weights in a file, grown to `config`. Raises ValueError as `load_unet` and `grow_unet` do."""
    return grow_unet(load_unet(path)[0], config, seed).state_dict()


def grow_unet(unet: UNet, config: UNetConfig, seed: int = 0) -> UNet:
    """A new U-Net of shape `config` that computes what `unet` computes; `unet` stays as it is.

    Channels a level, blocks a level, embed_dim, attention_width and text_layers may grow; a level without
    attention may get it, one with "self" a second one ("self+cross"); positions (`grid`) may be added. New
    weights are a function of `seed`; torch's own random state is left alone. Raises ValueError where the
    function could not be kept.
    """
    _check(unet.config, config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        grown = build_unet(config)
    old = unet.state_dict()
    some = next(iter(old.values()))
    new = grown.to(some.device, some.dtype).state_dict()
    with torch.no_grad():
        for name, weights in old.items():
            parts = next((n for key, n in _PARTS.items() if key in name), 1)
            for target, source in zip(new[name].chunk(parts), weights.chunk(parts), strict=True):
                _place(target, source)
    return grown.train(unet.training)


def _place(target: Tensor, source: Tensor) -> None:
    """Puts old units' weights first; what reaches an old unit from a new one becomes zero. In place."""
    if target.dim() > 1:
        target[: len(source)] = 0
    target[tuple(slice(0, size) for size in source.shape)] = source


def _check(old: UNetConfig, new: UNetConfig) -> None:
    """Raises ValueError where growth would change what the network computes."""
    for config in (old, new):
        if config.kind != "efficient":
            raise ValueError("only the Efficient U-Net grows: concatenated skips would move channels about")
    for name, why in _FIXED:
        if getattr(old, name) != getattr(new, name):
            raise ValueError(f"{name} cannot change from {getattr(old, name)} to {getattr(new, name)}: {why}")
    for name in _WIDER:
        if getattr(new, name) < getattr(old, name):
            raise ValueError(f"{name} cannot shrink from {getattr(old, name)} to {getattr(new, name)}")
    if len(old.channels) != len(new.channels):
        raise ValueError("growth cannot add or take away resolution levels")
    if old.grid not in (0, new.grid):
        raise ValueError(f"grid cannot change from {old.grid} to {new.grid}: positions would move")
    for level in range(len(old.channels)):
        _check_level(old, new, level)


def _check_level(old: UNetConfig, new: UNetConfig, level: int) -> None:
    before, after = old.channels[level], new.channels[level]
    if after < before or new.blocks[level] < old.blocks[level]:
        raise ValueError(f"level {level} cannot shrink: it has {before} channels, {old.blocks[level]} blocks")
    group, wider_group = (c // group_norm(c).num_groups for c in (before, after))
    if group != wider_group:
        raise ValueError(
            f"level {level} cannot grow from {before} to {after} channels: "
            f"its groups of {group} in group normalisation would become groups of {wider_group}"
        )
    kind = old.attention[level]
    if kind == "none":
        return
    if new.attention[level] != kind and (kind, new.attention[level]) != ("self", "self+cross"):
        raise ValueError(f"attention of level {level} cannot change from {kind} to {new.attention[level]}")
    for layer in kind.split("+"):
        head, other_head = (_head(config, level, layer) for config in (old, new))
        if head != other_head:
            raise ValueError(
                f"attention heads of level {level} cannot change from {head} to {other_head} channels"
            )


def _head(config: UNetConfig, level: int, layer: str) -> int:
    """Channels of a head of the level's attention layer "self" or "cross"."""
    hidden = config.channels[level] * config.attention_width
    wanted = config.cross_head_dim or config.head_dim if layer == "cross" else config.head_dim
    return hidden // max(1, hidden // wanted)
