"""Weights' files of every kind of U-Net."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from imagen.checkpoint import load_unet, save_weights
from imagen.presets import load_preset
from imagen.twin import twin_unet
from imagen.unet import UNetConfig, build_unet


@pytest.mark.parametrize("name", ["base-300m", "paper-sr256-600m", "mini"])
def test_weights_come_back_rounded_to_bfloat16(name: str, tmp_path: Path) -> None:
    config = twin_unet(next(iter(load_preset(name).values())).unet)
    unet = build_unet(config)
    save_weights(tmp_path / "w.safetensors", unet.state_dict(), config, {"step": 3})
    loaded, metadata = load_unet(tmp_path / "w.safetensors")
    assert type(loaded) is type(unet)
    assert loaded.config == config
    assert metadata == {"step": 3}
    assert not loaded.training
    expected = unet.state_dict()
    for weights_name, weights in loaded.state_dict().items():
        assert torch.equal(weights, expected[weights_name].bfloat16().float())
    assert not any(parameter.is_meta or parameter.requires_grad for parameter in loaded.parameters())


def test_a_header_without_the_newer_fields_is_understood(tmp_path: Path) -> None:
    """Files written before a field existed mean its default."""
    config = UNetConfig(2, (16,), (1,), ("cross",), embed_dim=16, text_dim=8, text_width=32, text_layers=1)
    old = ("patch", "channels", "blocks", "attention", "lowres", "embed_dim", "head_dim")
    old += ("text_dim", "text_width", "text_layers")
    shape = {name: value for name, value in config.to_dict().items() if name in old}
    header = {"unet": json.dumps(shape), "training": "{}"}
    save_file(build_unet(config).state_dict(), tmp_path / "old.safetensors", header)
    assert load_unet(tmp_path / "old.safetensors")[0].config == config


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    config = UNetConfig(2, (16,), (1,), ("none",), embed_dim=16)
    other = UNetConfig(2, (32,), (1,), ("none",), embed_dim=16)
    save_weights(tmp_path / "w.safetensors", build_unet(config).state_dict(), other, {})
    with pytest.raises(ValueError, match="no usable weights"):
        load_unet(tmp_path / "w.safetensors")
