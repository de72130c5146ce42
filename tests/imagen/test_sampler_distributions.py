"""All samplers on a Gaussian mixture with its exact denoiser: what they draw must be the mixture."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from imagen.samplers import Sampler, make_sampler
from imagen.schedule import SCHEDULES, alpha_sigma_at, time_grid

N, STEPS, NOISY_STEPS = 10_000, 100, 400
WEIGHTS = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
MEANS = torch.tensor([[0.9, -0.2], [-0.7, 0.6], [-0.1, -0.9]], dtype=torch.float64)
SPREAD = 0.2
"""Standard deviation of each component, along both of the two axes."""

CASES: dict[str, Sampler] = {
    "ancestral g=0": make_sampler("ancestral", stochasticity=0.0),
    "ancestral g=0.5": make_sampler("ancestral", stochasticity=0.5),
    "ancestral g=1": make_sampler("ancestral", stochasticity=1.0),
    "ddim": make_sampler("ddim"),
    "ddim eta=0.5": make_sampler("ddim", eta=0.5),
    "dpm++2m": make_sampler("dpm++2m"),
    "heun": make_sampler("heun"),
}


def exact_denoiser(z: Tensor, log_snr: float) -> Tensor:
    """E[x0 | z]: each component's own posterior mean, weighted by its responsibility. z: (N, 2, 1, 1)."""
    alpha, sigma = alpha_sigma_at(log_snr)
    variance = alpha**2 * SPREAD**2 + sigma**2
    away = z.flatten(1)[:, None] - alpha * MEANS
    responsibility = (WEIGHTS.log() - away.square().sum(-1) / (2 * variance)).softmax(-1)
    component_means = MEANS + alpha * SPREAD**2 / variance * away
    return (responsibility[..., None] * component_means).sum(1)[..., None, None]


def gaussian(seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((N, 2, 1, 1), generator=generator, dtype=torch.float64)


@pytest.fixture(scope="module")
def draw() -> Callable[[str, str], Tensor]:
    """Samples (N, 2) of a case under a schedule, drawn once."""
    kept: dict[tuple[str, str], Tensor] = {}

    def samples(case: str, schedule: str) -> Tensor:
        if (case, schedule) not in kept:
            noisy = case.startswith("ancestral") or "eta" in case
            grid = time_grid(SCHEDULES[schedule], NOISY_STEPS if noisy else STEPS)
            out = CASES[case](exact_denoiser, gaussian(0), grid, lambda step: gaussian(1 + step))
            kept[case, schedule] = out.flatten(1)
        return kept[case, schedule]

    return samples


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("case", CASES)
def test_means_covariances_and_weights_are_the_mixtures(
    draw: Callable[[str, str], Tensor], case: str, schedule: str
) -> None:
    """Within four standard errors: 0.0074 of a mean, about 0.005 of a covariance and of a share."""
    x = draw(case, schedule)
    mean = WEIGHTS @ MEANS
    covariance = (WEIGHTS[:, None] * (MEANS - mean)).T @ (MEANS - mean) + SPREAD**2 * torch.eye(2)
    assert float((x.mean(0) - mean).abs().max()) < 0.03
    assert float((x.T.cov() - covariance).abs().max()) < 0.02
    nearest = torch.cdist(x, MEANS).argmin(1)
    shares = torch.bincount(nearest, minlength=3) / N
    assert float((shares - WEIGHTS).abs().max()) < 0.02
    for component in range(3):
        inside = x[nearest == component]
        assert float((inside.mean(0) - MEANS[component]).abs().max()) < 0.03
        assert float((inside.std(0) - SPREAD).abs().max()) < 0.02


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_deterministic_samplers_carry_each_noise_to_the_same_place(
    draw: Callable[[str, str], Tensor], schedule: str
) -> None:
    exact = draw("heun", schedule)
    for case, tolerance in (("dpm++2m", 0.005), ("ddim", 0.02)):
        apart = (draw(case, schedule) - exact).norm(dim=1)
        assert float(apart.median()) < tolerance
        assert float(apart.quantile(0.99)) < 20 * tolerance


def test_schedules_agree_where_both_are_exact(draw: Callable[[str, str], Tensor]) -> None:
    apart = (draw("heun", "cosine") - draw("heun", "linear")).norm(dim=1)
    assert float(apart.median()) < 0.01
