import pytest
import torch
import torch.nn.functional as F

from imagen.layers import Attention, LogSNREmbedding, ResBlock, group_norm, resample


def wake(module: torch.nn.Module) -> None:
    """Random values in place of zero initialisation, so that every path shows in the output."""
    torch.manual_seed(0)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.2)


@pytest.mark.parametrize("self_attention", [True, False])
def test_pads_are_not_attended_to(self_attention: bool) -> None:
    attention = Attention(32, 16, 16, self_attention)
    wake(attention)
    tokens, x = torch.randn(1, 5, 16), torch.randn(1, 32, 4, 4)
    mask = torch.ones(1, 5, dtype=torch.bool)
    padded = torch.cat([tokens, 100 * torch.randn(1, 3, 16)], 1)
    padded_mask = torch.cat([mask, torch.zeros(1, 3, dtype=torch.bool)], 1)
    assert torch.allclose(attention(x, tokens, mask), attention(x, padded, padded_mask), atol=1e-5)


def test_text_and_image_share_one_softmax() -> None:
    """Appendix D.3.1, written out with matrices."""
    attention = Attention(16, 8, 16, self_attention=True)
    wake(attention)
    x, tokens, mask = torch.randn(1, 16, 2, 2), torch.randn(1, 3, 8), torch.ones(1, 3, dtype=torch.bool)
    assert attention.key_value is not None
    assert attention.text_key_value is not None
    assert attention.text_norm is not None
    image = attention.norm(x).flatten(2).transpose(1, 2)
    both = [attention.key_value(image), attention.text_key_value(attention.text_norm(tokens))]
    key, value = torch.cat(both, 1).chunk(2, -1)
    weights = (attention.query(image) @ key.transpose(1, 2) / 16**0.5).softmax(-1)
    expected = x + attention.out(weights @ value).transpose(1, 2).reshape(x.shape)
    assert weights.shape == (1, 4, 4 + 3)
    assert torch.allclose(attention(x, tokens, mask), expected, atol=1e-5)


def test_positions_are_added_to_the_normalised_image() -> None:
    with_places, without = Attention(32, 16, 16, True, grid=4), Attention(32, 16, 16, True)
    wake(without)
    with_places.load_state_dict(without.state_dict(), strict=False)
    x, tokens, mask = torch.randn(2, 32, 4, 4), torch.randn(2, 5, 16), torch.ones(2, 5, dtype=torch.bool)
    assert with_places.position is not None
    assert with_places.position.shape == (32, 4, 4)
    assert torch.equal(with_places(x, tokens, mask), without(x, tokens, mask))
    torch.nn.init.normal_(with_places.position)
    moved = x.roll(1, -1)
    assert torch.allclose(without(moved, tokens, mask), without(x, tokens, mask).roll(1, -1), atol=1e-5)
    assert not torch.allclose(
        with_places(moved, tokens, mask), with_places(x, tokens, mask).roll(1, -1), atol=1e-2
    )
    with pytest.raises(ValueError, match="knows 4 x 4 positions here"):
        with_places(torch.randn(1, 32, 8, 8), tokens[:1], mask[:1])


def test_hidden_channels_may_be_more_than_the_levels() -> None:
    """Figure A.28: hidden size twice the channels, 8 heads."""
    attention = Attention(32, 16, 8, True, width=2)
    assert attention.heads == 8
    assert attention.query.weight.shape == (64, 32)
    x = torch.randn(1, 32, 2, 2)
    assert torch.equal(attention(x, torch.randn(1, 3, 16), torch.ones(1, 3, dtype=torch.bool)), x)


def test_attention_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="a text, the image, or both"):
        Attention(32, 0, 16, self_attention=False)
    with pytest.raises(ValueError, match="112 channels do not split into 3 heads of 32"):
        Attention(112, 16, 32, True)
    with pytest.raises(ValueError, match="33 channels do not split into 2 groups"):
        group_norm(33)


def test_group_norms_epsilon_keeps_a_flat_picture_finite() -> None:
    block = ResBlock(32, 8)
    wake(block)
    x = torch.zeros(1, 32, 4, 4, requires_grad=True)
    out = block(x, torch.zeros(1, 8))
    out.sum().backward()
    assert bool(out.isfinite().all())
    assert x.grad is not None
    assert bool(x.grad.isfinite().all())
    assert group_norm(32).eps == 1e-5


def test_a_fresh_residual_block_is_its_shortcut() -> None:
    x, embedding = torch.randn(1, 16, 8, 8), torch.randn(1, 8)
    assert torch.equal(ResBlock(16, 8)(x, embedding), x)
    assert torch.equal(ResBlock(16, 8, resample="down")(x, embedding), F.avg_pool2d(x, 2))
    wider = ResBlock(16, 8, 32)
    assert wider.shortcut is not None
    assert torch.equal(wider(x, embedding), wider.shortcut(x))


def test_upsampling_leaves_no_checkerboard() -> None:
    """From a flat picture, every pixel away from the border is the same after upsampling and convolution."""
    block = ResBlock(16, 8, resample="up")
    wake(block)
    out = block(torch.ones(1, 16, 8, 8), torch.randn(1, 8))
    inside = out[:, :, 2:-2, 2:-2]
    assert out.shape == (1, 16, 16, 16)
    assert torch.allclose(inside, inside[:, :, :1, :1].expand_as(inside), atol=1e-5)


def test_resampling_keeps_the_centre_in_the_centre() -> None:
    """No half-pixel shift: down after up is the identity, and a symmetric picture stays symmetric."""
    x = torch.randn(1, 2, 4, 4)
    assert torch.allclose(resample(resample(x, "up"), "down"), x)
    symmetric = x + x.flip(-1)
    assert torch.equal(resample(symmetric, "up").flip(-1), resample(symmetric, "up"))
    assert resample(x, "none") is x


@pytest.mark.parametrize("half", ["autocast", "weights"])
def test_log_snr_is_embedded_in_float32(half: str) -> None:
    embedding = LogSNREmbedding(32)
    wake(embedding)
    if half == "weights":
        embedding = embedding.to(torch.bfloat16).float()  # the rounded weights, used in full precision
    log_snr = torch.tensor([9.0, 9.001])
    expected = embedding(log_snr)
    if half == "weights":
        embedding = embedding.to(torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16, enabled=half == "autocast"):
        out = embedding(log_snr)
    assert out.dtype == torch.float32
    assert torch.equal(out, expected)
    assert not torch.equal(out[0], out[1])
