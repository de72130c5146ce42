"""One stage's settings, its noise, and how often it asks its network."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from imagen.guidance import classifier_guided
from imagen.presets import load_preset
from imagen.samplers import SAMPLERS
from imagen.schedule import SCHEDULES, time_grid
from imagen.stage import ONLY_WITH, Stage, StageSettings, network_evaluations
from imagen.text import MiniLM, TokenStates

GUIDED = StageSettings(3.0, 4)
SMALL = torch.arange(3 * 16 * 16, dtype=torch.int64).remainder(256).to(torch.uint8).view(1, 3, 16, 16)


@contextmanager
def calls(stage: Stage) -> Iterator[list[dict[str, Any]]]:
    """What the stage's network is given, call by call."""
    seen: list[dict[str, Any]] = []
    handle = stage.unet.register_forward_pre_hook(
        lambda _, args, kwargs: seen.append({"z": args[0], "log_snr": args[1], "mask": args[4], **kwargs}),
        with_kwargs=True,
    )
    try:
        yield seen
    finally:
        handle.remove()


@pytest.fixture(scope="module")
def text(minilm: MiniLM) -> TokenStates:
    return minilm.encode(["a red car"])[0]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"eta": 0.5}, "eta is of use with sampler=ddim only, not dpm"),
        ({"sampler": "ddim", "stochasticity": 0.5}, "stochasticity is of use with sampler=ancestral only"),
        ({"thresholding": "static", "percentile": 90.0}, "percentile is of use with thresholding=dynamic"),
        ({"thresholding": "none", "threshold_cap": 2.0}, "threshold_cap is of use with thresholding=dynamic"),
        ({"threshold_cap": 0.5}, "threshold_cap must be a finite number >= 1"),
        ({"sampler": "ddim", "eta": 1.5}, r"eta must be in \[0, 1\]"),
        ({"sampler": "ancestral", "stochasticity": float("nan")}, r"stochasticity must be in \[0, 1\]"),
        ({"guidance_interval": (2.0, -2.0)}, "two log-SNRs, low < high"),
        ({"guidance_interval": (2.0,)}, "two log-SNRs, low < high"),
        ({"guidance_rule": "projected"}, "unknown guidance_rule 'projected': use one of classifier_free_x0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(bad: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StageSettings(**{"guidance_scale": 2.0, "steps": 4, **bad})


def test_settings_that_only_some_choice_uses_are_settings_and_so_are_the_choices() -> None:
    names = StageSettings.__dataclass_fields__
    for name, (chooser, _) in ONLY_WITH.items():
        assert name in names
        assert chooser in names


def test_a_presets_own_settings_are_taken_over() -> None:
    stage = replace(
        load_preset("mini")[256], sampler="ancestral", stochasticity=0.3, guidance_interval=[-3.0, 2.0]
    )
    got = StageSettings.of(stage)
    assert (got.sampler, got.stochasticity, got.guidance_interval) == ("ancestral", 0.3, (-3.0, 2.0))
    assert (got.steps, got.aug_sigma, got.thresholding) == (stage.steps, stage.aug_sigma, stage.thresholding)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("interval", [None, (-3.0, 2.0), (9.0, 9.5)])
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_the_count_of_evaluations_is_what_the_network_sees(
    tiny_stages: dict[int, Stage],
    text: TokenStates,
    sampler: str,
    interval: tuple[float, float] | None,
    scale: float,
) -> None:
    stage = tiny_stages[16]
    settings = StageSettings(scale, 5, sampler=sampler, guidance_interval=interval)
    with calls(stage) as seen:
        stage.sample(text, 1, settings, None)
    assert sum(len(call["z"]) for call in seen) == network_evaluations(stage.config, settings)
    for call in seen:
        inside = interval is None or interval[0] <= float(call["log_snr"][0]) <= interval[1]
        assert len(call["z"]) == (2 if scale != 1 and inside else 1)
        assert {len(call["log_snr"]), len(call["mask"])} == {len(call["z"])}


def test_an_interval_over_the_whole_grid_is_no_interval_and_an_empty_one_is_no_guidance(
    tiny_stages: dict[int, Stage], text: TokenStates
) -> None:
    stage = tiny_stages[16]
    grid = time_grid(SCHEDULES["cosine"], 4)
    always = stage.sample(text, 1, GUIDED, None)
    whole = stage.sample(text, 1, replace(GUIDED, guidance_interval=(grid[0], grid[-1])), None)
    never = stage.sample(text, 1, replace(GUIDED, guidance_interval=(20.0, 30.0)), None)
    off = stage.sample(text, 1, replace(GUIDED, guidance_scale=1.0), None)
    assert torch.equal(always, whole)
    assert torch.allclose(never, off, atol=1e-6)
    assert not torch.allclose(always, off, atol=1e-3)


@pytest.mark.parametrize(
    "noisy", [{"sampler": "ancestral", "stochasticity": 0.5}, {"sampler": "ddim", "eta": 1.0}]
)
def test_step_noise_is_a_function_of_seed_and_stage_alone(
    tiny_stages: dict[int, Stage], text: TokenStates, noisy: dict[str, Any]
) -> None:
    settings = StageSettings(3.0, 4, **noisy)
    first = tiny_stages[16].sample(text, 1, settings, None)
    tiny_stages[16].sample(text, 2, settings, None)
    torch.manual_seed(5)
    assert torch.equal(first, tiny_stages[16].sample(text, 1, settings, None))
    assert not torch.allclose(first, tiny_stages[16].sample(text, 2, settings, None), atol=1e-2)
    quiet = StageSettings(3.0, 4, sampler=settings.sampler)
    assert not torch.equal(first, tiny_stages[16].sample(text, 1, quiet, None))


def test_a_stage_can_be_guided_by_a_classifier(tiny_stages: dict[int, Stage], text: TokenStates) -> None:
    """Towards bright pictures, beside the text's own guidance, before thresholding."""

    def brightness(z: Tensor, log_snr: float) -> Tensor:
        return z.mean((1, 2, 3))

    def guide(denoiser):  # type: ignore[no-untyped-def]
        return classifier_guided(denoiser, brightness, 200.0)

    stage = tiny_stages[16]
    plain = stage.sample(text, 1, GUIDED, None)
    brighter = stage.sample(text, 1, GUIDED, None, guide)
    assert float(brighter.mean()) > float(plain.mean()) + 0.05
    assert float(brighter.abs().max()) <= 1


def test_half_precision_gives_float32_pictures(tiny_stages: dict[int, Stage], text: TokenStates) -> None:
    full = tiny_stages[16]
    half = Stage(full.config, full.unet, "cpu", torch.bfloat16)
    got, expected = half.sample(text, 1, GUIDED, None), full.sample(text, 1, GUIDED, None)
    assert got.dtype == torch.float32
    assert float((got - expected).abs().mean()) < 0.05


def test_the_low_resolution_picture_is_part_of_the_answer(
    tiny_stages: dict[int, Stage], text: TokenStates
) -> None:
    stage = tiny_stages[64]
    one = stage.sample(text, 1, StageSettings(1.0, 2), SMALL)
    two = stage.sample(text, 1, StageSettings(1.0, 2), 255 - SMALL)
    assert one.shape == (1, 3, 64, 64)
    assert not torch.allclose(one, two, atol=1e-3)
