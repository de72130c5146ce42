"""Classifier-free guidance, and classifier guidance on a Gaussian whose guided score is known exactly."""

import math

import pytest
import torch
from torch import Tensor

from imagen.guidance import check_interval, classifier_free, classifier_guided, inside
from imagen.samplers import SAMPLERS, make_sampler
from imagen.schedule import SCHEDULES, alpha_sigma, alpha_sigma_at, target, time_grid, to_x0

SPREAD, ERROR = 0.8, 0.5
"""x0 ~ N(0, SPREAD^2) in every pixel, of which y = x0 + ERROR * noise was seen."""


def test_weight_one_is_off_and_zero_is_unconditional() -> None:
    """The paper's weight, not Ho and Salimans' (theirs is one less)."""
    c, u = torch.randn(2, 1, 3, 4, 4)
    assert torch.allclose(classifier_free(c, u, 1.0), c)
    assert torch.equal(classifier_free(c, u, 0.0), u)
    assert torch.allclose(classifier_free(c, u, 3.0), 3 * c - 2 * u, atol=1e-5)


@pytest.mark.parametrize("prediction", ["eps", "v"])
def test_guiding_eps_v_or_x0_is_the_same(prediction: str) -> None:
    z, c, u = torch.randn(3, 1, 3, 4, 4, dtype=torch.float64)
    level = torch.tensor([0.7], dtype=torch.float64)
    guided_raw = to_x0(classifier_free(c, u, 5.0), z, level, prediction)
    guided_x0 = classifier_free(to_x0(c, z, level, prediction), to_x0(u, z, level, prediction), 5.0)
    assert torch.allclose(guided_raw, guided_x0)
    assert float(alpha_sigma(level)[0]) > 0


def test_every_channel_is_guided() -> None:
    """The bug of guiding only the first three of four channels."""
    c, u = torch.ones(1, 4, 2, 2), torch.zeros(1, 4, 2, 2)
    assert torch.equal(classifier_free(c, u, 4.0), 4 * c)


def test_an_interval_has_both_its_ends_and_none_is_everywhere() -> None:
    assert [inside(at, (-2.0, 1.5)) for at in (-2.1, -2.0, 0.0, 1.5, 1.6)] == [False, True, True, True, False]
    assert all(inside(at, None) for at in (-10.0, 0.0, 10.0))
    for bad in ((1.0, 1.0), (2.0, -2.0), (float("nan"), 1.0), (-float("inf"), 1.0), (1.0,)):
        with pytest.raises(ValueError, match="two log-SNRs, low < high"):
            check_interval(bad)  # type: ignore[arg-type]


def prior_denoiser(z: Tensor, log_snr: float) -> Tensor:
    """E[x0 | z]."""
    alpha, sigma = alpha_sigma_at(log_snr)
    return alpha * SPREAD**2 / (alpha**2 * SPREAD**2 + sigma**2) * z


def seen(y: Tensor):  # type: ignore[no-untyped-def]
    """log p(y | z), exact: y is Gaussian around E[x0 | z]."""

    def log_probability(z: Tensor, log_snr: float) -> Tensor:
        alpha, sigma = alpha_sigma_at(log_snr)
        left = SPREAD**2 * sigma**2 / (alpha**2 * SPREAD**2 + sigma**2)
        return -((y - prior_denoiser(z, log_snr)).square() / (2 * (left + ERROR**2))).flatten(1).sum(1)

    return log_probability


def posterior_denoiser(z: Tensor, log_snr: float, y: Tensor) -> Tensor:
    """E[x0 | z, y], by precisions."""
    alpha, sigma = alpha_sigma_at(log_snr)
    precision = 1 / SPREAD**2 + alpha**2 / sigma**2 + 1 / ERROR**2
    return (alpha / sigma**2 * z + y / ERROR**2) / precision


@pytest.mark.parametrize("log_snr", [-9.0, -2.0, 0.0, 3.0, 9.0])
def test_a_classifier_of_scale_one_turns_the_prior_into_the_posterior(log_snr: float) -> None:
    z, y = torch.randn(2, 5, 3, 4, 4, dtype=torch.float64)
    guided = classifier_guided(prior_denoiser, seen(y), 1.0)
    assert torch.allclose(guided(z, log_snr), posterior_denoiser(z, log_snr, y), atol=1e-9)
    off = classifier_guided(prior_denoiser, seen(y), 0.0)
    assert torch.allclose(off(z, log_snr), prior_denoiser(z, log_snr))


def test_a_classifiers_scale_multiplies_its_gradient_and_samples_stay_apart() -> None:
    z, y = torch.randn(2, 5, 3, 4, 4, dtype=torch.float64)
    once, thrice = (classifier_guided(prior_denoiser, seen(y), scale)(z, 0.5) for scale in (1.0, 3.0))
    plain = prior_denoiser(z, 0.5)
    assert torch.allclose(thrice - plain, 3 * (once - plain))
    alone = classifier_guided(prior_denoiser, seen(y[2:3]), 1.0)(z[2:3], 0.5)
    assert torch.allclose(once[2:3], alone)


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_draws_the_posterior_under_classifier_guidance(name: str) -> None:
    """Also in inference mode, where gradients are off."""
    generator = torch.Generator().manual_seed(0)
    start = torch.randn((8000, 1, 1, 1), generator=generator, dtype=torch.float64)
    y = torch.full_like(start, 1.2)
    grid = time_grid(SCHEDULES["cosine"], 100)

    def noise(step: int) -> Tensor:
        return torch.randn(
            start.shape, generator=torch.Generator().manual_seed(step + 1), dtype=torch.float64
        )

    with torch.inference_mode():
        out = make_sampler(name)(classifier_guided(prior_denoiser, seen(y), 1.0), start.clone(), grid, noise)
    variance = 1 / (1 / SPREAD**2 + 1 / ERROR**2)
    assert float(out.mean()) == pytest.approx(variance * 1.2 / ERROR**2, abs=0.02)
    assert float(out.std()) == pytest.approx(math.sqrt(variance), abs=0.02)


def test_the_score_that_classifier_guidance_adds_to_is_the_one_of_eps() -> None:
    """score = -eps / sigma: the guided noise is eps - sigma * gradient (Dhariwal & Nichol, algorithm 2)."""
    z, y = torch.randn(2, 2, 3, 4, 4, dtype=torch.float64)
    log_snr = 0.4
    alpha, sigma = alpha_sigma_at(log_snr)
    leaf = z.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(seen(y)(leaf, log_snr).sum(), leaf)
    eps = (z - alpha * prior_denoiser(z, log_snr)) / sigma
    guided = classifier_guided(prior_denoiser, seen(y), 1.0)(z, log_snr)
    assert torch.allclose((z - alpha * guided) / sigma, eps - sigma * gradient)
    assert torch.equal(target(guided, eps, torch.tensor([log_snr]), "eps"), eps)
