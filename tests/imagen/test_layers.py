import pytest
import torch

from imagen.layers import Attention
from imagen.text_conditioning import TextConditioner
from imagen.unet import EfficientUNet, UNetConfig

TINY = UNetConfig(
    2, (16, 32), (1, 1), ("none", "self"), embed_dim=32, text_dim=8, text_width=32, text_layers=1
)


def wake(module: torch.nn.Module) -> None:
    """Random values in place of zero initialisation, so that every path shows in the output."""
    torch.manual_seed(0)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.2)


@pytest.mark.parametrize("self_attention", [True, False])
def test_padding_changes_nothing(self_attention: bool) -> None:
    attention = Attention(32, 16, 16, self_attention)
    conditioner = TextConditioner(8, 16, 2, 32)
    wake(attention)
    wake(conditioner)
    states, x = torch.randn(1, 5, 8), torch.randn(1, 32, 4, 4)
    mask = torch.ones(1, 5, dtype=torch.bool)
    padded = torch.cat([states, 100 * torch.randn(1, 3, 8)], 1)
    padded_mask = torch.cat([mask, torch.zeros(1, 3, dtype=torch.bool)], 1)
    tokens, pooled = conditioner(states, mask)
    padded_tokens, padded_pooled = conditioner(padded, padded_mask)
    assert torch.allclose(pooled, padded_pooled, atol=1e-5)
    assert torch.allclose(attention(x, tokens, mask), attention(x, padded_tokens, padded_mask), atol=1e-5)


def test_swapping_the_prompt_changes_the_picture() -> None:
    unet = EfficientUNet(TINY)
    wake(unet)
    z, mask = torch.randn(1, 3, 16, 16).expand(2, -1, -1, -1), torch.ones(2, 4, dtype=torch.bool)
    tokens, pooled = unet.encode_text(torch.randn(2, 4, 8), mask)
    out = unet(z, torch.zeros(2), tokens, pooled, mask)
    assert float((out[0] - out[1]).detach().norm() / out[0].detach().norm()) > 1e-3
    assert out.shape == z.shape


def test_a_fresh_network_predicts_zero() -> None:
    unet = EfficientUNet(TINY)
    mask = torch.ones(1, 4, dtype=torch.bool)
    tokens, pooled = unet.encode_text(torch.randn(1, 4, 8), mask)
    assert not unet(torch.randn(1, 3, 16, 16), torch.zeros(1), tokens, pooled, mask).any()


def test_a_super_resolution_network_insists_on_its_condition() -> None:
    unet = EfficientUNet(UNetConfig(4, (16,), (1,), ("cross",), lowres=True, text_dim=8, text_width=32))
    mask = torch.ones(1, 4, dtype=torch.bool)
    tokens, pooled = unet.encode_text(torch.randn(1, 4, 8), mask)
    with pytest.raises(ValueError, match="super-resolution"):
        unet(torch.randn(1, 3, 16, 16), torch.zeros(1), tokens, pooled, mask)


def test_the_augmentation_level_is_heard() -> None:
    unet = EfficientUNet(UNetConfig(4, (16,), (1,), ("cross",), lowres=True, text_dim=8, text_width=32))
    wake(unet)
    mask = torch.ones(2, 4, dtype=torch.bool)
    tokens, pooled = unet.encode_text(torch.randn(1, 4, 8).expand(2, -1, -1), mask)
    z = torch.randn(1, 3, 16, 16).expand(2, -1, -1, -1)
    out = unet(z, torch.zeros(2), tokens, pooled, mask, z, torch.tensor([0.0, 5.0]))
    assert float((out[0] - out[1]).detach().norm() / out[0].detach().norm()) > 1e-3


def test_a_configuration_with_unequal_levels_is_refused() -> None:
    with pytest.raises(ValueError, match="one entry per level"):
        UNetConfig(2, (16, 32), (1,), ("none", "self"))
    assert UNetConfig.from_dict(TINY.to_dict()) == TINY
