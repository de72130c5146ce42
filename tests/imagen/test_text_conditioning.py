import pytest
import torch

from imagen.text_conditioning import TextConditioner, visible_tokens
from imagen.unet_config import Conditioning

CONDITIONINGS: tuple[Conditioning, ...] = ("mean", "attention", "cross")


def conditioner(conditioning: Conditioning, layers: int = 2) -> TextConditioner:
    torch.manual_seed(0)
    made = TextConditioner(8, 32, layers, 24, conditioning)
    made.requires_grad_(False)
    for parameter in made.parameters():
        parameter.add_(torch.randn_like(parameter), alpha=0.2)
    return made


@pytest.mark.parametrize("garbage", [1e6, float("inf"), float("nan")])
@pytest.mark.parametrize("conditioning", CONDITIONINGS)
def test_garbage_in_pads_changes_nothing(conditioning: Conditioning, garbage: float) -> None:
    made, states = conditioner(conditioning), torch.randn(2, 6, 8)
    mask = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 0, 0, 0, 0]]).bool()
    clean = made(states.masked_fill(~mask[..., None], 0.0), mask)
    spoilt = made(states.masked_fill(~mask[..., None], garbage), mask)
    assert torch.equal(clean[1], spoilt[1])
    assert torch.equal(clean[0][mask], spoilt[0][mask])
    assert bool(spoilt[0].isfinite().all())
    alone = made(states[1:, :2], mask[1:, :2])
    assert torch.allclose(alone[1], clean[1][1:], atol=1e-6)
    assert torch.allclose(alone[0], clean[0][1:, :2], atol=1e-6)


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
def test_a_text_without_tokens_is_the_null_text(conditioning: Conditioning) -> None:
    made = conditioner(conditioning)
    null = made(torch.zeros(1, 1, 8), torch.ones(1, 1).bool())
    nothing = made(torch.full((1, 4, 8), float("nan")), torch.zeros(1, 4).bool())
    assert bool(null[1].isfinite().all())
    assert torch.allclose(nothing[1], null[1], atol=1e-6)
    assert torch.allclose(nothing[0][:, :1], null[0], atol=1e-6)


def test_the_callers_tensors_are_left_alone() -> None:
    states, mask = torch.randn(1, 4, 8), torch.tensor([[True, True, False, False]])
    before = states.clone(), mask.clone()
    conditioner("cross")(states, mask)
    visible_tokens(mask)
    assert torch.equal(states, before[0])
    assert torch.equal(mask, before[1])


def test_mean_pooling_is_the_mean_over_tokens() -> None:
    made, states = conditioner("mean"), torch.randn(1, 5, 8)
    mask = torch.tensor([[1, 1, 1, 0, 0]]).bool()
    tokens, pooled = made(states, mask)
    assert torch.allclose(pooled, made.pool_out(tokens[:, :3].mean(1)), atol=1e-6)
    assert made.pool_score is None


def test_attention_pooling_weighs_tokens() -> None:
    made, states = conditioner("attention"), torch.randn(1, 5, 8)
    tokens, pooled = made(states, torch.ones(1, 5).bool())
    assert made.pool_score is not None
    weight = made.pool_score(tokens).softmax(1)
    assert torch.allclose(pooled, made.pool_out((weight * tokens).sum(1)), atol=1e-6)
    assert not torch.allclose(pooled, made.pool_out(tokens.mean(1)), atol=1e-2)


@pytest.mark.parametrize("layers", [0, 2])
def test_layer_norm_makes_the_scale_of_the_states_irrelevant(layers: int) -> None:
    """Encoders differ by orders of magnitude in the size of their states (section 2.5)."""
    made, states, mask = conditioner("cross", layers), torch.randn(1, 4, 8), torch.ones(1, 4).bool()
    small, large = made(states, mask), made(1000 * states, mask)
    assert torch.allclose(small[1], large[1], atol=1e-3)


def test_visible_tokens_adds_one_only_where_there_is_none() -> None:
    mask = torch.tensor([[0, 0, 0], [0, 1, 1], [1, 0, 0]]).bool()
    assert visible_tokens(mask).tolist() == [
        [True, False, False],
        [False, True, True],
        [True, False, False],
    ]
