"""Grown networks compute what the small ones did; in double precision, so that only rounding is left."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from imagen.checkpoint import save_weights
from imagen.grow import grow, grow_unet
from imagen.unet import UNet, UNetConfig, build_unet

SMALL = UNetConfig(
    2, (16, 32), (1, 1), ("none", "self"), embed_dim=32, head_dim=16, text_dim=8, text_width=32, text_layers=1
)
ENLARGED = [
    {"channels": (32, 64)},
    {"channels": (16, 96)},
    {"blocks": (3, 2)},
    {"embed_dim": 48},
    {"text_layers": 3},
    {"attention_width": 2},
    {"attention": ("cross", "self")},
    {"attention": ("cross", "self+cross"), "cross_head_dim": 8},
    {"grid": 8},
    {"channels": (48, 64), "blocks": (2, 2), "embed_dim": 64, "text_layers": 2, "grid": 8},
]


def trained(config: UNetConfig) -> UNet:
    """Random values everywhere, as after training: nothing is zero that growth would have to make zero."""
    torch.manual_seed(1)
    unet = build_unet(config).double()
    for parameter in unet.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return unet.requires_grad_(False)


def output(unet: UNet) -> Tensor:
    generator = torch.Generator().manual_seed(2)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    z, states, mask = normal(2, 3, 16, 16), normal(2, 3, 8), torch.tensor([[1, 1, 1], [1, 0, 0]]).bool()
    lowres: dict[str, Tensor] = {}
    if unet.config.lowres:
        lowres = {"lowres": normal(2, 3, 16, 16), "aug_log_snr": torch.tensor([3.0, 1.0]).double()}
    tokens, pooled = unet.encode_text(states, mask)
    out: Tensor = unet(z, torch.tensor([2.0, -3.0]).double(), tokens, pooled, mask, **lowres)
    return out


@pytest.mark.parametrize("larger", ENLARGED, ids=str)
def test_the_grown_network_gives_the_same_output(larger: dict[str, Any]) -> None:
    small = trained(SMALL)
    before = output(small)
    grown = grow_unet(small, replace(SMALL, **larger))
    assert sum(p.numel() for p in grown.parameters()) > sum(p.numel() for p in small.parameters())
    assert float(before.abs().max()) > 0.1
    assert torch.allclose(output(grown), before, rtol=0, atol=1e-11)
    assert torch.equal(output(small), before)


@pytest.mark.parametrize(
    "shape",
    [
        replace(SMALL, lowres=True, attention=("none", "cross")),
        replace(SMALL, attention_after="block", up_kernel=3, stem_stride=2, blocks=(1, 2)),
        replace(SMALL, conditioning="mean"),
        replace(SMALL, grid=8),
        replace(SMALL, attention=("cross", "self+cross"), cross_head_dim=8),
    ],
    ids=["super-resolution", "paper", "mean", "positions", "second attention"],
)
def test_every_efficient_configuration_grows(shape: UNetConfig) -> None:
    small = trained(shape)
    wider = replace(shape, channels=(32, 64), embed_dim=64)
    assert torch.allclose(output(grow_unet(small, wider)), output(small), rtol=0, atol=1e-11)


def test_what_was_set_to_zero_can_learn() -> None:
    grown = grow_unet(trained(SMALL), replace(SMALL, channels=(32, 64))).requires_grad_(True)
    weight = grown.get_parameter("down.0.blocks.0.conv2.weight")
    assert not weight[:16, 16:].any()
    output(grown).square().mean().backward()
    assert weight.grad is not None
    assert weight.grad[:16, 16:].abs().min() > 0


def test_growing_is_a_function_of_the_seed_and_leaves_torchs_own_alone() -> None:
    small, config = trained(SMALL), replace(SMALL, channels=(32, 64))
    torch.manual_seed(5)
    one = grow_unet(small, config).state_dict()
    drawn = torch.rand(1)
    two, other = grow_unet(small, config).state_dict(), grow_unet(small, config, seed=1).state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["stem.weight"], other["stem.weight"])
    torch.manual_seed(5)
    assert torch.equal(torch.rand(1), drawn)


def test_a_weights_file_grows(tmp_path: Path) -> None:
    small = trained(SMALL).float()
    save_weights(tmp_path / "small.safetensors", small.state_dict(), SMALL, {})
    config = replace(SMALL, channels=(32, 64))
    grown = build_unet(config)
    grown.load_state_dict(grow(tmp_path / "small.safetensors", config))
    rounded = build_unet(SMALL)
    rounded.load_state_dict({name: w.bfloat16().float() for name, w in small.state_dict().items()})
    assert torch.allclose(output(grown.double()), output(rounded.double()), rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"channels": (16, 16)}, "level 1 cannot shrink"),
        ({"blocks": (1, 1, 1), "channels": (16, 32, 64), "attention": ("none", "self", "self")}, "levels"),
        ({"channels": (24, 32)}, "groups of 16 in group normalisation would become groups of 24"),
        ({"embed_dim": 16}, "embed_dim cannot shrink"),
        ({"text_layers": 0}, "text_layers cannot shrink"),
        ({"text_width": 64}, "text_width cannot change"),
        ({"text_dim": 16}, "text_dim cannot change"),
        ({"attention": ("none", "cross")}, "attention of level 1 cannot change"),
        ({"head_dim": 32}, "heads of level 1 cannot change from 16 to 32"),
        ({"attention": ("self+cross", "none")}, "attention of level 1 cannot change"),
        ({"patch": 4}, "patch cannot change"),
        ({"lowres": True}, "lowres cannot change"),
        ({"conditioning": "mean"}, "conditioning cannot change"),
        ({"kind": "plain"}, "only the Efficient U-Net grows"),
    ],
)
def test_what_cannot_keep_its_function_is_refused(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        grow_unet(trained(SMALL), replace(SMALL, **change))


def test_positions_cannot_move() -> None:
    with pytest.raises(ValueError, match="positions would move"):
        grow_unet(trained(replace(SMALL, grid=8)), replace(SMALL, grid=16))
