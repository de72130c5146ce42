"""The same denoiser on the same log-SNR grid, here and in diffusers.

Its schedulers know betas and whole timesteps: a training schedule of as many steps as the grid has, whose
products of (1 - beta) are the grid's alpha^2, makes every timestep one point of the grid.
"""

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from imagen.samplers import Sampler, make_sampler
from imagen.schedule import SCHEDULES, alpha_sigma_at, time_grid

diffusers = pytest.importorskip("diffusers")

PLAIN = {"clip_sample": False, "prediction_type": "sample"}


def nonlinear_denoiser(z: Tensor, log_snr: float) -> Tensor:
    """No score of anything, but smooth, bounded, and different in every pixel and at every level."""
    weights = torch.linspace(-1, 1, z[0].numel()).view(z.shape[1:])
    return torch.tanh(z * weights + math.sin(log_snr)) + 0.2 * z.mean((1, 2, 3), keepdim=True)


def betas_of(grid: list[float]) -> list[float]:
    """Betas whose running products of 1 - beta are the alpha^2 of the grid, clean end first."""
    products = [1.0, *(alpha_sigma_at(log_snr)[0] ** 2 for log_snr in reversed(grid))]
    return [1 - after / before for before, after in pairwise(products)]


def start() -> Tensor:
    return torch.randn((2, 3, 8, 8), generator=torch.Generator().manual_seed(1))


def theirs(scheduler: object, grid: list[float], **options: object) -> Tensor:
    z = start()
    for timestep in range(len(grid) - 1, -1, -1):
        x0 = nonlinear_denoiser(z, grid[len(grid) - 1 - timestep])
        z = scheduler.step(x0, timestep, z, **options).prev_sample  # type: ignore[attr-defined]
    return z


def ours(sampler: Sampler, grid: list[float], seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    noises = [torch.randn(start().shape, generator=generator) for _ in grid]
    return sampler(nonlinear_denoiser, start(), grid, lambda step: noises[step])


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("steps", [4, 16, 50])
@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_ddim(schedule: str, steps: int, eta: float) -> None:
    grid = time_grid(SCHEDULES[schedule], steps)
    scheduler = diffusers.DDIMScheduler(steps, trained_betas=betas_of(grid), **PLAIN)
    scheduler.set_timesteps(steps)
    assert scheduler.timesteps.tolist() == list(range(steps - 1, -1, -1))
    generator = torch.Generator().manual_seed(0)
    expected = theirs(scheduler, grid, eta=eta, generator=generator)
    assert float((ours(make_sampler("ddim", eta=eta), grid) - expected).abs().max()) < 1e-4


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("steps", [2, 4, 10, 16, 50])
def test_dpm_solver_pp_2m(schedule: str, steps: int) -> None:
    grid = time_grid(SCHEDULES[schedule], steps)
    scheduler = diffusers.DPMSolverMultistepScheduler(
        steps, trained_betas=betas_of(grid), prediction_type="sample", final_sigmas_type="zero"
    )
    scheduler.set_timesteps(timesteps=list(range(steps - 1, -1, -1)))
    expected = theirs(scheduler, grid)
    assert float((ours(make_sampler("dpm++2m"), grid) - expected).abs().max()) < 1e-4


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("stochasticity", "variance"), [(0.0, "fixed_small"), (1.0, "fixed_large")])
def test_ancestral_at_both_ends_of_its_knob(schedule: str, stochasticity: float, variance: str) -> None:
    grid = time_grid(SCHEDULES[schedule], 16)
    scheduler = diffusers.DDPMScheduler(16, trained_betas=betas_of(grid), variance_type=variance, **PLAIN)
    scheduler.set_timesteps(16)
    expected = theirs(scheduler, grid, generator=torch.Generator().manual_seed(0))
    got = ours(make_sampler("ancestral", stochasticity=stochasticity), grid)
    assert float((got - expected).abs().max()) < 1e-4
