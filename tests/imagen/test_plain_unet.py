from dataclasses import replace

import torch
from torch import Tensor

from imagen.layers import Attention
from imagen.plain_unet import PlainUNet, Step
from imagen.unet_config import UNetConfig

CONFIG = UNetConfig(
    1,
    (16, 32, 48),
    (2, 2, 2),
    ("none", "self", "self"),
    kind="plain",
    embed_dim=32,
    text_dim=8,
    text_width=32,
)


def test_the_skip_of_every_block_is_concatenated() -> None:
    """The way up takes back every output of the way down and the stem's, at its own resolution."""
    unet = PlainUNet(CONFIG)
    taken = [step for step in unet.up if isinstance(step, Step) and step.block.resample == "none"]
    given = 1 + len(unet.down)
    assert len(taken) == given == 9
    assert [step.block.conv1.in_channels for step in taken] == [96, 96, 80, 80, 64, 48, 48, 32, 32]
    assert [step.block.conv1.out_channels for step in taken] == [48] * 3 + [32] * 3 + [16] * 3


def test_attention_is_at_the_chosen_resolutions_and_in_the_middle() -> None:
    """Appendix F.1: after every block there, on both ways, and once in the middle."""
    unet, sides = PlainUNet(CONFIG), []
    for module in unet.modules():
        if isinstance(module, Attention):
            module.register_forward_hook(lambda _m, x, _out: sides.append(x[0].shape[-1]))
    mask = torch.ones(1, 3).bool()
    tokens, pooled = unet.encode_text(torch.randn(1, 3, 8), mask)
    unet(torch.randn(1, 3, 16, 16), torch.zeros(1), tokens, pooled, mask)
    assert sides == [8, 8, 4, 4, 4, 4, 4, 4, 8, 8, 8]


def test_resolution_changes_inside_residual_blocks() -> None:
    unet = PlainUNet(CONFIG)
    assert [s.block.resample for s in unet.down if isinstance(s, Step)].count("down") == 2
    assert [s.block.resample for s in unet.up if isinstance(s, Step)].count("up") == 2


def test_it_takes_the_low_resolution_picture_beside_z() -> None:
    assert PlainUNet(replace(CONFIG, lowres=True)).stem.in_channels == 6


def test_every_skip_reaches_the_output() -> None:
    unet = PlainUNet(CONFIG)
    for parameter in unet.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    outputs: list[Tensor] = []

    def keep(_module: torch.nn.Module, _given: object, out: Tensor) -> None:
        out.retain_grad()
        outputs.append(out)

    for step in unet.down:
        step.register_forward_hook(keep)
    mask = torch.ones(1, 3).bool()
    tokens, pooled = unet.encode_text(torch.randn(1, 3, 8), mask)
    unet(torch.randn(1, 3, 16, 16), torch.zeros(1), tokens, pooled, mask).square().sum().backward()
    assert len(outputs) == 8
    assert all(out.grad is not None and bool(out.grad.any()) for out in outputs)
