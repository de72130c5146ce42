from dataclasses import replace

import pytest
import torch
from torch import nn

from imagen.training.config import TrainConfig, paper_config
from imagen.training.optimisers import ema_decay, learning_rate, make_optimiser

CONFIG = TrainConfig(1000, lr=1.0, warmup=100, cooldown=0.4)


def test_learning_rate_rises_stays_and_falls() -> None:
    assert learning_rate(CONFIG, 0) == pytest.approx(0.01)
    assert learning_rate(CONFIG, 500) == 1.0
    assert learning_rate(CONFIG, 800) == pytest.approx(0.5)
    assert learning_rate(CONFIG, 999) == pytest.approx(0.0025)


def test_a_cosine_cooldown_is_half_way_down_in_its_middle_and_flat_at_its_ends() -> None:
    config = replace(CONFIG, decay="cosine")
    assert learning_rate(config, 600) == 1.0
    assert learning_rate(config, 800) == pytest.approx(0.5)
    assert learning_rate(config, 620) > 1 - 0.05 / 2
    assert learning_rate(config, 999) < 1e-4


def test_a_constant_rate_only_rises() -> None:
    config = replace(CONFIG, decay="constant")
    assert [learning_rate(config, step) for step in (0, 99, 500, 999)] == [0.01, 1.0, 1.0, 1.0]
    assert learning_rate(replace(config, warmup=0), 0) == 1.0


def test_the_papers_rate_peaks_after_ten_thousand_steps() -> None:
    config = TrainConfig(**paper_config(lowres=False))
    assert learning_rate(config, 4_999) == pytest.approx(0.5e-4)
    assert learning_rate(config, 10_000) == pytest.approx(1e-4, rel=1e-3)
    assert learning_rate(config, 1_250_000) == pytest.approx(0.5e-4)


def test_the_average_ramps_up_to_its_decay() -> None:
    decays = [ema_decay(CONFIG, step) for step in (0, 8, 89, 10**6)]
    assert decays == pytest.approx([0.1, 0.5, 90 / 99, 0.999])


def test_the_paper_has_adafactor_for_the_base_and_adam_for_super_resolution() -> None:
    weights = [nn.Parameter(torch.zeros(2, 2))]
    base = make_optimiser(TrainConfig(**paper_config(lowres=False)), weights)
    high = make_optimiser(TrainConfig(**paper_config(lowres=True)), weights)
    assert isinstance(base, torch.optim.Adafactor)
    assert isinstance(high, torch.optim.AdamW)
    assert base.param_groups[0]["weight_decay"] == high.param_groups[0]["weight_decay"] == 0
    assert high.param_groups[0]["betas"] == (0.9, 0.999)


@pytest.mark.parametrize("name", ["adamw", "adafactor"])
def test_an_optimiser_finds_the_minimum_of_a_bowl(name: str) -> None:
    target = torch.tensor([[1.0, -2.0], [0.5, 3.0]])
    weight = nn.Parameter(torch.ones(2, 2))
    optimiser = make_optimiser(TrainConfig(400, optimiser=name, lr=0.05, weight_decay=0.0), [weight])
    for _ in range(400):
        optimiser.zero_grad()
        (weight - target).square().sum().backward()
        optimiser.step()
    assert torch.allclose(weight, target, atol=0.1)


def test_adafactors_memory_is_a_row_and_a_column() -> None:
    weight = nn.Parameter(torch.randn(64, 32))
    optimiser = make_optimiser(TrainConfig(1, optimiser="adafactor"), [weight])
    weight.square().sum().backward()
    optimiser.step()
    held = sum(v.numel() for v in optimiser.state[weight].values() if torch.is_tensor(v) and v.dim() > 0)
    assert held == 64 + 32
