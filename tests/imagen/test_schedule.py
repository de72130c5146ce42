import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imagen.schedule import (
    LIMIT,
    PREDICTIONS,
    SCHEDULES,
    alpha_sigma,
    alpha_sigma_at,
    diffuse,
    target,
    time_grid,
    to_x0,
)


@pytest.mark.parametrize("name", SCHEDULES)
def test_log_snr_falls_and_stays_inside_the_limits(name: str) -> None:
    values = SCHEDULES[name](torch.linspace(0, 1, 1001, dtype=torch.float64))
    assert bool((values.diff() <= 0).all())
    assert float(values.abs().max()) <= LIMIT + 1e-9


def test_cosine_is_the_cosine_schedule_away_from_its_ends() -> None:
    t = torch.linspace(0.1, 0.9, 9, dtype=torch.float64)
    exact = 2 * torch.log(torch.cos(t * math.pi / 2) / torch.sin(t * math.pi / 2))
    assert torch.allclose(SCHEDULES["cosine"](t), exact, atol=0.1)


def test_linear_matches_ddpm_beta_products() -> None:
    alpha_bar = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0)
    t = torch.arange(1, 1001, dtype=torch.float64) / 1000
    alpha, _ = alpha_sigma(SCHEDULES["linear"](t))
    assert float((alpha.square() - alpha_bar).abs().max()) < 2e-3


@pytest.mark.parametrize("prediction", PREDICTIONS)
@given(st.floats(-LIMIT, LIMIT), st.integers(0, 2**31))
def test_x0_is_recovered_from_the_target_of_every_prediction(
    prediction: str, log_snr: float, seed: int
) -> None:
    """The bug of a target computed from a re-bound x0 would break this for every log-SNR."""
    generator = torch.Generator().manual_seed(seed)
    x0, noise = torch.randn((2, 1, 3, 4, 4), generator=generator, dtype=torch.float64)
    level = torch.full((1,), log_snr, dtype=torch.float64)
    z = diffuse(x0, noise, level)
    assert torch.allclose(to_x0(target(x0, noise, level, prediction), z, level, prediction), x0, atol=1e-9)


def test_targets_are_noise_x0_and_v() -> None:
    x0, noise = torch.randn(2, 2, 3, 4, 4)
    level = torch.tensor([-1.0, 2.0])
    alpha, sigma = alpha_sigma(level[:, None, None, None])
    assert target(x0, noise, level, "x0") is x0
    assert target(x0, noise, level, "eps") is noise
    assert torch.equal(target(x0, noise, level, "v"), alpha * noise - sigma * x0)
    for call in (lambda: target(x0, noise, level, "score"), lambda: to_x0(x0, noise, level, "score")):
        with pytest.raises(ValueError, match="unknown prediction 'score': use one of eps, x0, v"):
            call()


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_half_precision_is_converted_in_float32(prediction: str) -> None:
    raw, z = torch.randn(2, 1, 3, 4, 4).bfloat16()
    level = torch.tensor([-9.0])
    got = to_x0(raw, z.float(), level, prediction)
    assert got.dtype == torch.float32
    assert torch.equal(got, to_x0(raw.float(), z.float(), level, prediction))
    assert target(raw, z, level, prediction).dtype == torch.float32


@given(st.floats(-LIMIT, LIMIT))
def test_floats_and_tensors_have_the_same_alpha_and_sigma(log_snr: float) -> None:
    alpha, sigma = alpha_sigma(torch.tensor(log_snr, dtype=torch.float64))
    assert (float(alpha), float(sigma)) == pytest.approx(alpha_sigma_at(log_snr), rel=1e-12)


def test_variance_is_preserved() -> None:
    alpha, sigma = alpha_sigma(torch.linspace(-LIMIT, LIMIT, 50))
    assert torch.allclose(alpha.square() + sigma.square(), torch.ones(50))


def test_time_grid_starts_at_noise_and_leaves_the_clean_end_to_the_solver() -> None:
    grid = time_grid(SCHEDULES["cosine"], 8)
    assert len(grid) == 8
    assert grid == sorted(grid)
    assert grid[0] == pytest.approx(-LIMIT)
    assert grid[-1] < LIMIT
