"""Samplers on a Gaussian, where the best denoiser and the exact end of every path are known."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from imagen.samplers import SAMPLERS, Sampler, ancestral, ddim, evaluated_log_snrs, make_sampler
from imagen.schedule import LIMIT, SCHEDULES, alpha_sigma_at, time_grid

MEAN, SPREAD = 0.3, 0.5
DETERMINISTIC = ("ddim", "dpm++2m", "heun")


def exact_denoiser(z: Tensor, log_snr: float) -> Tensor:
    """E[x0 | z] for x0 ~ N(MEAN, SPREAD^2)."""
    alpha2, sigma2 = 1 / (1 + math.exp(-log_snr)), 1 / (1 + math.exp(log_snr))
    gain = math.sqrt(alpha2) * SPREAD**2 / (alpha2 * SPREAD**2 + sigma2)
    return MEAN + gain * (z - math.sqrt(alpha2) * MEAN)


def exact_end(z: Tensor, log_snr: float) -> Tensor:
    """Where the probability flow carries z: it maps the Gaussian at log_snr onto the data's."""
    alpha2, sigma2 = 1 / (1 + math.exp(-log_snr)), 1 / (1 + math.exp(log_snr))
    return MEAN + SPREAD * (z - math.sqrt(alpha2) * MEAN) / math.sqrt(alpha2 * SPREAD**2 + sigma2)


def no_noise(step: int) -> Tensor:
    raise AssertionError(f"a deterministic sampler asked for the noise of step {step}")


def seeded(z: Tensor, seed: int = 0):  # type: ignore[no-untyped-def]
    """Step noise of the shape of z, a function of the step alone."""

    def noise(step: int) -> Tensor:
        generator = torch.Generator().manual_seed(1000 * seed + step)
        return torch.randn(z.shape, generator=generator, dtype=z.dtype)

    return noise


def error(name: str, steps: int) -> float:
    z = torch.linspace(-3, 3, 101, dtype=torch.float64).view(1, 1, 1, -1)
    grid = time_grid(SCHEDULES["cosine"], steps)
    out = SAMPLERS[name](exact_denoiser, z, grid, no_noise)
    return float((out - exact_end(z, grid[0])).abs().max())


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_converges_to_the_exact_solution(name: str) -> None:
    assert error(name, 400) < 0.01
    assert error(name, 400) < error(name, 50) < error(name, 12)


@pytest.mark.parametrize("name", ["dpm++2m", "heun"])
def test_second_order_needs_fewer_steps_than_ddim(name: str) -> None:
    assert error(name, 16) < error("ddim", 16) / 3


def stochastic_samplers() -> list[Sampler]:
    knobs = (0.0, 0.3, 1.0)
    return [make_sampler("ancestral", stochasticity=g) for g in knobs] + [
        make_sampler("ddim", eta=eta) for eta in knobs
    ]


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("steps", [1, 2, 3, 10])
def test_few_steps_are_finite_and_end_in_the_last_prediction(name: str, steps: int) -> None:
    seen: list[Tensor] = []
    levels: list[float] = []

    def denoise(z: Tensor, log_snr: float) -> Tensor:
        seen.append(exact_denoiser(z, log_snr))
        levels.append(log_snr)
        return seen[-1]

    z, grid = torch.randn(1, 3, 4, 4), time_grid(SCHEDULES["cosine"], steps)
    out = SAMPLERS[name](denoise, z, grid, seeded(z))
    assert out is seen[-1]
    assert levels == evaluated_log_snrs(name, grid)
    assert len(seen) == (2 * steps - 1 if name == "heun" else steps)
    assert bool(torch.isfinite(out).all())


def test_first_step_of_ddim_and_dpm_solver_is_the_same() -> None:
    z = torch.randn(1, 3, 4, 4, dtype=torch.float64)
    grid = [-8.0, -2.0]
    ends = [SAMPLERS[name](exact_denoiser, z, grid, no_noise) for name in ("ddim", "dpm++2m")]
    assert torch.allclose(ends[0], ends[1])


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_constant_prediction_leaves_only_its_own_noise(name: str) -> None:
    """With a constant x0 every step must see z = alpha * x0 + sigma * noise: no trace of a raw prediction."""
    seen: list[tuple[Tensor, float]] = []

    def denoise(z: Tensor, log_snr: float) -> Tensor:
        seen.append((z, log_snr))
        return torch.full_like(z, 0.7)

    z, grid = torch.zeros(1, 3, 64, 64, dtype=torch.float64), time_grid(SCHEDULES["cosine"], 100)
    start = torch.randn(z.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    SAMPLERS[name](denoise, start, grid, seeded(z))
    for at, log_snr in seen[1:]:
        alpha, sigma = alpha_sigma_at(log_snr)
        noise = (at - alpha * 0.7) / sigma
        assert float(noise.mean()) == pytest.approx(0, abs=0.06)
        assert float(noise.std()) == pytest.approx(1, abs=0.06)


@given(st.floats(-LIMIT, LIMIT - 0.1), st.floats(0.05, 5), st.integers(0, 2**31))
def test_ancestral_without_stochasticity_is_ddim_with_eta_one(now: float, gap: float, seed: int) -> None:
    """Both draw from the posterior q(z_s | z_t, x0)."""
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn((2, 1, 2, 2), generator=generator, dtype=torch.float64)
    grid = [now, now + gap]
    one = ancestral(exact_denoiser, z, grid, seeded(z, seed), 0.0)
    two = ddim(exact_denoiser, z, grid, seeded(z, seed), 1.0)
    assert torch.allclose(one, two, atol=1e-9)


@given(st.floats(0, 1), st.floats(-LIMIT, LIMIT - 0.1), st.floats(0.05, 5))
def test_the_variance_of_an_ancestral_step_is_the_papers_interpolation(
    stochasticity: float, now: float, gap: float
) -> None:
    """(sigma~^2)^(1 - g) (sigma^2)^g of appendix A, with e^(now - then) for the two log-SNRs."""
    z, then = torch.zeros(1, 1, 1, 1, dtype=torch.float64), now + gap
    steps: list[Tensor] = []

    def nothing(z: Tensor, _: float) -> Tensor:
        steps.append(z)
        return torch.zeros_like(z)

    ancestral(nothing, z, [now, then], lambda _: torch.ones_like(z), stochasticity)
    share = 1 - math.exp(now - then)
    least, most = share * alpha_sigma_at(then)[1] ** 2, share * alpha_sigma_at(now)[1] ** 2
    assert float(steps[1]) ** 2 == pytest.approx(least ** (1 - stochasticity) * most**stochasticity, rel=1e-9)


@pytest.mark.parametrize("sampler", stochastic_samplers())
def test_noise_comes_from_the_steps_number_alone(sampler: Sampler) -> None:
    z, grid = torch.randn(2, 3, 4, 4), time_grid(SCHEDULES["linear"], 5)
    asked: list[int] = []

    def noise(step: int) -> Tensor:
        asked.append(step)
        return seeded(z)(step)

    first = sampler(exact_denoiser, z, grid, noise)
    assert asked in ([], [0, 1, 2, 3])
    torch.manual_seed(9)
    assert torch.equal(first, sampler(exact_denoiser, z, grid, noise))


def test_an_unknown_sampler_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"unknown sampler 'euler': use one of ancestral, ddim, dpm\+\+2m, heun"
    ):
        make_sampler("euler")
