"""Samplers on a Gaussian, where the best denoiser and the exact end of every path are known."""

import math

import pytest
import torch
from torch import Tensor

from imagen.samplers import SAMPLERS
from imagen.schedule import SCHEDULES, time_grid

MEAN, SPREAD = 0.3, 0.5


def exact_denoiser(z: Tensor, log_snr: float) -> Tensor:
    """E[x0 | z] for x0 ~ N(MEAN, SPREAD^2)."""
    alpha2, sigma2 = 1 / (1 + math.exp(-log_snr)), 1 / (1 + math.exp(log_snr))
    gain = math.sqrt(alpha2) * SPREAD**2 / (alpha2 * SPREAD**2 + sigma2)
    return MEAN + gain * (z - math.sqrt(alpha2) * MEAN)


def exact_end(z: Tensor, log_snr: float) -> Tensor:
    """Where the probability flow carries z: it maps the Gaussian at log_snr onto the data's."""
    alpha2, sigma2 = 1 / (1 + math.exp(-log_snr)), 1 / (1 + math.exp(log_snr))
    return MEAN + SPREAD * (z - math.sqrt(alpha2) * MEAN) / math.sqrt(alpha2 * SPREAD**2 + sigma2)


def error(name: str, steps: int) -> float:
    z = torch.linspace(-3, 3, 101, dtype=torch.float64).view(1, 1, 1, -1)
    grid = time_grid(SCHEDULES["cosine"], steps)
    out = SAMPLERS[name](exact_denoiser, z, grid)
    return float((out - exact_end(z, grid[0])).abs().max())


@pytest.mark.parametrize("name", SAMPLERS)
def test_converges_to_the_exact_solution(name: str) -> None:
    assert error(name, 400) < 0.01
    assert error(name, 400) < error(name, 50) < error(name, 12)


def test_second_order_needs_fewer_steps_than_ddim() -> None:
    assert error("dpm++2m", 16) < error("ddim", 16) / 3


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("steps", [1, 2, 3, 10])
def test_few_steps_are_finite_and_end_in_the_last_prediction(name: str, steps: int) -> None:
    seen: list[Tensor] = []

    def denoise(z: Tensor, log_snr: float) -> Tensor:
        seen.append(exact_denoiser(z, log_snr))
        return seen[-1]

    out = SAMPLERS[name](denoise, torch.randn(1, 3, 4, 4), time_grid(SCHEDULES["cosine"], steps))
    assert out is seen[-1]
    assert len(seen) == steps
    assert bool(torch.isfinite(out).all())


def test_first_step_of_both_is_the_same() -> None:
    z = torch.randn(1, 3, 4, 4, dtype=torch.float64)
    grid = [-8.0, -2.0]
    ends = [SAMPLERS[name](exact_denoiser, z, grid) for name in ("ddim", "dpm++2m")]
    assert torch.allclose(ends[0], ends[1])


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_thresholded_prediction_is_what_the_step_uses(name: str) -> None:
    """The noise is recomputed from the clipped x0: with a constant x0 the path must end on it."""
    out = SAMPLERS[name](
        lambda z, _: torch.ones_like(z), torch.randn(1, 3, 4, 4), time_grid(SCHEDULES["cosine"], 20)
    )
    assert torch.equal(out, torch.ones(1, 3, 4, 4))
