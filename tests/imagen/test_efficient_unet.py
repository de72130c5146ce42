from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from imagen.efficient_unet import EfficientUNet, growing
from imagen.unet_config import UNetConfig

BASE = UNetConfig(
    2, (16, 32), (1, 2), ("none", "self"), embed_dim=32, text_dim=8, text_width=32, text_layers=1
)
SUPER = UNetConfig(
    4, (16, 32), (1, 1), ("cross", "none"), True, embed_dim=32, text_dim=8, text_width=32, text_layers=1
)
RECORDED = (
    (BASE, [-0.07286, -0.13707, 0.1964, 0.00436, -0.02422, -0.09884, 0.04945]),
    (SUPER, [0.09767, 0.15903, -0.04042, -0.07241, 0.09749, 0.1565, -0.08293]),
)


def wave(*shape: int) -> Tensor:
    return (torch.arange(torch.Size(shape).numel(), dtype=torch.float64) * 0.37).cos().view(shape).float()


@pytest.mark.parametrize(("config", "recorded"), RECORDED, ids=["base", "super-resolution"])
def test_the_function_of_imagen_minis_configurations_is_what_its_weights_learned(
    config: UNetConfig, recorded: list[float]
) -> None:
    """Names, order and shapes of the parameters and what is computed of them, as first shipped."""
    unet = EfficientUNet(config).requires_grad_(False)
    for i, parameter in enumerate(unet.parameters(), start=1):
        values = torch.arange(parameter.numel(), dtype=torch.float64) * i * 0.7
        parameter.copy_(values.sin().view_as(parameter) * 0.2)
    mask = torch.tensor([[1, 1, 1], [1, 0, 0]]).bool()
    tokens, pooled = unet.encode_text(wave(2, 3, 8), mask)
    lowres = {"lowres": wave(2, 3, 16, 16) * 0.5, "aug_log_snr": torch.tensor([3.0, 1.0])}
    out = unet(
        wave(2, 3, 16, 16),
        torch.tensor([2.0, -3.0]),
        tokens,
        pooled,
        mask,
        **(lowres if config.lowres else {}),
    )
    found = out.flatten()[[0, 100, 500, 767, 768, 1000, 1535]]
    assert torch.allclose(found, torch.tensor(recorded), atol=2e-4)


def test_resampling_comes_before_a_levels_convolutions_and_after() -> None:
    """Appendix B.1: every residual block of a level runs at the lower of the two resolutions."""
    unet = EfficientUNet(replace(BASE, patch=1, up_kernel=3, stem_stride=2))
    seen: dict[str, int] = {}
    for name, module in unet.named_modules():
        if name.startswith(("down", "up")) and name.endswith("conv1"):
            module.register_forward_hook(lambda _m, _x, out, name=name: seen.update({name: out.shape[-1]}))
    tokens, pooled = unet.encode_text(torch.randn(1, 3, 8), torch.ones(1, 3).bool())
    unet(torch.randn(1, 3, 16, 16), torch.zeros(1), tokens, pooled, torch.ones(1, 3).bool())
    assert {name.split(".blocks")[0]: side for name, side in seen.items()} == {
        "down.0": 8,
        "down.1": 4,
        "up.1": 4,
        "up.0": 8,
    }


def test_skips_are_scaled_by_one_over_root_two() -> None:
    """With every block and convolution silenced but the stem's, the head sees the stem over root two."""
    unet = EfficientUNet(replace(BASE, patch=1)).requires_grad_(False)
    for module in (*unet.shrink, *unet.grow):
        for parameter in module.parameters():
            parameter.zero_()
    seen: list[Tensor] = []
    unet.head.register_forward_pre_hook(lambda _m, x: seen.append(x[0]))
    z, mask = torch.randn(1, 3, 16, 16), torch.ones(1, 3).bool()
    unet(z, torch.zeros(1), *unet.encode_text(torch.randn(1, 3, 8), mask), mask)
    assert torch.allclose(seen[0], unet.stem(z) * 2**-0.5, atol=1e-6)


@pytest.mark.parametrize("kernel", [1, 3])
def test_upsampling_leaves_no_checkerboard(kernel: int) -> None:
    inside = growing(4, 6, kernel)(torch.ones(1, 4, 8, 8))[:, :, 2:-2, 2:-2]
    assert inside.shape == (1, 6, 12, 12)
    assert torch.allclose(inside, inside[:, :, :1, :1].expand_as(inside), atol=1e-6)


def test_attention_follows_a_level_or_every_block() -> None:
    def layers(unet: EfficientUNet) -> int:
        return sum(
            name.endswith("query") for name, module in unet.named_modules() if isinstance(module, nn.Linear)
        )

    assert layers(EfficientUNet(BASE)) == 2
    assert layers(EfficientUNet(replace(BASE, attention_after="block"))) == 4
