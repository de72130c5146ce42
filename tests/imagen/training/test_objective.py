from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from imagen.lowres import MIN_SIGMA, shrink
from imagen.presets import StageConfig
from imagen.schedule import SCHEDULES, alpha_sigma, diffuse
from imagen.training.config import TrainConfig
from imagen.training.objective import Draws, batch_loss, draw
from imagen.unet import UNetConfig

PICTURES = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (8, 3, 8, 8)).astype(np.uint8))
STAGE = StageConfig(8, "cosine", "v", 1.0, 4, UNetConfig(2, (16,), (1,), ("none",)))


class Guess(nn.Module):
    """Always gives the same raw prediction."""

    def __init__(self, raw: Tensor) -> None:
        super().__init__()
        self.raw = raw
        self.seen: dict[str, Tensor] = {}

    def encode_text(self, states: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        return states, states[:, 0]

    def forward(self, z, log_snr, tokens, pooled, mask, **lowres):  # type: ignore[no-untyped-def]
        self.seen = {"z": z, "log_snr": log_snr, **lowres}
        return self.raw


def nothing(batch: int = 8) -> tuple[Tensor, Tensor]:
    return torch.zeros(batch, 1, 4), torch.ones(batch, 1, dtype=torch.bool)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("prediction", ["eps", "x0", "v"])
def test_a_perfect_prediction_has_no_loss(prediction: str) -> None:
    config = TrainConfig(1, batch=8, weighting="x0")
    draws = draw(STAGE, config, 8, generator())
    x0 = PICTURES.float() / 127.5 - 1
    alpha, sigma = alpha_sigma(draws.log_snr[:, None, None, None])
    true = {"x0": x0, "eps": draws.noise, "v": alpha * draws.noise - sigma * x0}[prediction]
    stage = replace(STAGE, prediction=prediction)
    assert float(batch_loss(Guess(true), stage, config, PICTURES, nothing(), draws)) < 1e-6
    off = float(batch_loss(Guess(true + 0.1), stage, config, PICTURES, nothing(), draws))
    assert off > 1e-3


@pytest.mark.parametrize("objective", ["eps", "x0", "v"])
@pytest.mark.parametrize("prediction", ["eps", "x0", "v"])
def test_a_plain_weighting_is_the_squared_error_in_its_own_objective(objective: str, prediction: str) -> None:
    """Whatever the network predicts: the loss in v of a network that predicts noise, and so on."""
    config = TrainConfig(1, batch=8, weighting=objective)
    draws = draw(STAGE, config, 8, generator())
    x0 = (PICTURES.float() / 127.5 - 1).double()
    noise = draws.noise.double()
    alpha, sigma = (x.double() for x in alpha_sigma(draws.log_snr[:, None, None, None]))
    z = alpha * x0 + sigma * noise
    guess = x0 + 0.3 * torch.randn(x0.shape, generator=generator(9), dtype=torch.double)
    noise_guess = (z - alpha * guess) / sigma
    raw = {"x0": guess, "eps": noise_guess, "v": alpha * noise_guess - sigma * guess}
    true = {"x0": x0, "eps": noise, "v": alpha * noise - sigma * x0}
    expected = float((raw[objective] - true[objective]).square().mean())
    stage = replace(STAGE, prediction=prediction)
    got = batch_loss(Guess(raw[prediction].float()), stage, config, PICTURES, nothing(), draws)
    assert float(got) == pytest.approx(expected, rel=2e-3)


def test_times_are_stratified_and_in_random_order() -> None:
    drawn = draw(STAGE, TrainConfig(1, batch=64), 8, generator()).log_snr
    ordered = drawn.sort(descending=True).values
    edges = SCHEDULES["cosine"](torch.linspace(0, 1, 65))
    assert bool(((ordered <= edges[:-1]) & (ordered >= edges[1:])).all())
    assert not torch.equal(drawn, ordered)


def test_the_augmentation_level_is_each_samples_own_and_what_the_network_is_told() -> None:
    stage = replace(STAGE, prediction="x0", unet=replace(STAGE.unet, lowres=True))
    config = TrainConfig(1, batch=64, max_aug_sigma=0.7)
    pictures = PICTURES.repeat(8, 1, 1, 1)
    draws = draw(stage, config, 8, generator())
    assert draws.aug_sigma is not None
    assert draws.aug_noise is not None
    assert len(set(draws.aug_sigma.tolist())) == 64
    assert 0 <= float(draws.aug_sigma.min()) < 0.1 < 0.6 < float(draws.aug_sigma.max()) < 0.7
    unet = Guess(torch.zeros(64, 3, 8, 8))
    batch_loss(unet, stage, config, pictures, nothing(64), draws)
    told = draws.aug_sigma.clamp(min=MIN_SIGMA)
    assert torch.allclose(unet.seen["aug_log_snr"], -2 * told.log())
    clean = Draws(draws.log_snr, draws.noise, torch.zeros(64), draws.aug_noise)
    batch_loss(unet, stage, config, pictures, nothing(64), clean)
    small = shrink(pictures, 4).float() / 127.5 - 1
    upsampled = nn.functional.interpolate(small, size=(8, 8), mode="bilinear", align_corners=False)
    assert torch.allclose(unet.seen["lowres"], upsampled)
    assert torch.allclose(
        unet.seen["z"], diffuse(pictures / 127.5 - 1, draws.noise, draws.log_snr), atol=1e-6
    )
