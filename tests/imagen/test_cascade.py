"""The cascade, on small random networks built on the spot, and on the shipped weights."""

import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import imagen.cascade
import imagen.text.prompts
from imagen.cascade import Cascade, cascade_identity, default_settings, load_cascade, weights_path
from imagen.presets import StageConfig, load_preset, preset_text_encoder
from imagen.stage import Stage, StageSettings, stage_noise
from imagen.text import MiniLM, TextPlaces
from imagen.unet import EfficientUNet, UNetConfig

TEXTS = ["a red car", "two blue birds above a green boat in the snow", "x " * 300]
SEEDS = [3, 2**63 - 1, 0]
SETTINGS = {
    16: StageSettings(guidance_scale=3.0, steps=3),
    64: StageSettings(guidance_scale=1.0, steps=2, aug_sigma=0.2),
}


@pytest.fixture(scope="module")
def cascade(minilm: MiniLM) -> Cascade:
    torch.manual_seed(0)
    stages = []
    for size, patch, lowres in ((16, 2, False), (64, 4, True)):
        shape = UNetConfig(
            patch, (16, 32), (1, 1), ("none", "self"), lowres, embed_dim=32, text_width=32, text_layers=1
        )
        unet = EfficientUNet(shape)
        for parameter in unet.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
        config = StageConfig(size, "cosine", "v", 1.0, 2, shape)
        stages.append(Stage(config, unet.eval().requires_grad_(False), "cpu", torch.float32))
    return Cascade(stages, minilm, {"name": "tiny"})


def test_pictures_do_not_depend_on_their_neighbours_or_order(cascade: Cascade) -> None:
    together = cascade.generate(TEXTS, SEEDS, SETTINGS)
    backwards = cascade.generate(TEXTS[::-1], SEEDS[::-1], SETTINGS)[::-1]
    for i, drawn in enumerate(together):
        alone = cascade.generate([TEXTS[i]], [SEEDS[i]], SETTINGS)[0]
        assert drawn.image is not None
        assert drawn.image.shape == (64, 64, 3)
        assert np.array_equal(drawn.image, alone.image)
        assert np.array_equal(drawn.image, backwards[i].image)


def test_pictures_do_not_depend_on_the_machines_threads(cascade: Cascade) -> None:
    before = torch.get_num_threads()
    pictures = []
    for threads in (1, 3):
        torch.set_num_threads(threads)
        pictures.append(cascade.generate(TEXTS[:1], SEEDS[:1], SETTINGS)[0].image)
        assert torch.get_num_threads() == threads
    torch.set_num_threads(before)
    assert np.array_equal(*pictures)


def test_text_seed_guidance_and_augmentation_change_the_picture(cascade: Cascade) -> None:
    def draw(text: str = TEXTS[0], seed: int = 3, weight: float = 3.0, sigma: float = 0.2) -> np.ndarray:
        settings = {16: StageSettings(weight, 3), 64: StageSettings(1.0, 2, sigma)}
        image = cascade.generate([text], [seed], settings)[0].image
        assert image is not None
        return image

    first = draw()
    for other in (draw(text="a cat"), draw(seed=4), draw(weight=1.0), draw(sigma=0.0)):
        assert not np.array_equal(first, other)
    assert np.array_equal(first, draw())


def test_a_truncated_prompt_is_noted(cascade: Cascade) -> None:
    notes = [drawn.notes for drawn in cascade.generate(TEXTS, SEEDS, SETTINGS)]
    assert notes[:2] == [(), ()]
    assert "truncated" in notes[2][0]


def test_values_that_are_no_numbers_are_a_failure_with_a_reason(cascade: Cascade) -> None:
    stage = cascade.stages[0]
    weight = stage.unet.head[2].bias
    kept = weight.clone()
    weight.fill_(float("nan"))
    try:
        drawn = cascade.generate(TEXTS[:1], SEEDS[:1], SETTINGS)[0]
    finally:
        weight.copy_(kept)
    assert drawn.image is None
    assert "16 px stage" in drawn.reason


def test_noise_depends_on_seed_stage_and_purpose_alone() -> None:
    shape = (1, 3, 8, 8)
    torch.manual_seed(1)
    first = stage_noise(5, 64, "start", shape)
    torch.manual_seed(2)
    assert torch.equal(first, stage_noise(5, 64, "start", shape))
    for other in ((6, 64, "start"), (5, 256, "start"), (5, 64, "augmentation")):
        correlation = np.corrcoef(first.flatten(), stage_noise(*other, shape).flatten())[0, 1]
        assert abs(correlation) < 0.3


@pytest.mark.parametrize(
    "bad",
    [
        {"guidance_scale": float("nan")},
        {"guidance_scale": -1.0},
        {"steps": 0},
        {"aug_sigma": -0.1},
        {"thresholding": "median"},
        {"percentile": 0.0},
        {"sampler": "euler"},
    ],
)
def test_settings_that_make_no_sense_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"must be|unknown"):
        StageSettings(**{"guidance_scale": 2.0, "steps": 4, **bad})


def test_unknown_preset_or_stage_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown preset"):
        load_preset("huge")
    with pytest.raises(ValueError, match="not 128"):
        cascade_identity("mini", 128, "cpu", "float32")


def test_shipped_weights_fit_their_preset_and_the_repository() -> None:
    for size, stage in load_preset("mini").items():
        path = weights_path("mini", size)
        assert path.stat().st_size <= 16 * 2**20
        assert load_cascade("mini", 64).stages[0].unet.config == load_preset("mini")[64].unet
        assert stage.size == size


def test_the_shipped_cascade_draws_the_colour_it_is_asked_for() -> None:
    """Not a score: only that the shipped text path, networks and sampler belong together."""
    cascade = load_cascade("mini", 64)
    settings = default_settings("mini")
    red = cascade.generate(["a red car"] * 4, [1, 2, 3, 4], settings)
    blue = cascade.generate(["a blue car"] * 4, [1, 2, 3, 4], settings)
    for one, two in zip(red, blue, strict=True):
        assert one.image is not None
        assert two.image is not None
        difference = one.image.astype(float).mean((0, 1)) - two.image.astype(float).mean((0, 1))
        assert difference[0] > 10 > -10 > difference[2]


def test_identity_names_weights_encoder_and_number_type() -> None:
    identity = cascade_identity("mini", 256, "cpu", "float32")
    assert sorted(identity["weights"]) == ["256", "64"]
    assert identity["text_encoder"].startswith("all-MiniLM-L6-v2:")
    assert identity["dtype"] == "float32"
    assert Path(weights_path("mini", 64)).name == "mini-64.safetensors"


def test_the_preset_names_the_text_encoder() -> None:
    assert preset_text_encoder("mini") == "minilm"
    with pytest.raises(ValueError, match="unknown preset 'huge'"):
        preset_text_encoder("huge")


def test_a_text_encoder_that_does_not_fit_or_is_not_there_is_refused(
    encoder_folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    name = f"t5:{encoder_folders['t5']}"
    monkeypatch.setattr(imagen.cascade, "preset_text_encoder", lambda preset: name)
    with pytest.raises(ValueError, match=r"stage of 64 pixels reads 768 numbers a token, t5:.* gives 32"):
        cascade_identity("mini", 64, "cpu", "float32")
    monkeypatch.setattr(imagen.cascade, "preset_text_encoder", lambda preset: "t5-base")
    with pytest.raises(ValueError, match=r"text encoder google/t5-v1_1-base is not in .*hf download"):
        cascade_identity("mini", 64, "cpu", "float32", TextPlaces((tmp_path,)))


def test_the_encoder_is_gone_before_the_unets_load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And the pictures are those of a cascade that keeps it, with a cache or without."""
    references: list[weakref.ref[object]] = []
    alive_at_load: list[int] = []
    load_encoder, load_unet = imagen.text.prompts.load_encoder, imagen.cascade.load_unet

    def watched_encoder(*arguments: Any) -> Any:
        encoder = load_encoder(*arguments)
        references.extend([weakref.ref(encoder), weakref.ref(encoder.model)])
        return encoder

    def watched_unet(path: Path) -> Any:
        alive_at_load.append(sum(reference() is not None for reference in references))
        return load_unet(path)

    monkeypatch.setattr(imagen.text.prompts, "load_encoder", watched_encoder)
    monkeypatch.setattr(imagen.cascade, "load_unet", watched_unet)
    settings = {64: StageSettings(3.0, 2)}
    pictures = []
    for prompts, text in (
        (TEXTS, TextPlaces(cache=tmp_path)),
        (TEXTS, TextPlaces(cache=tmp_path)),
        (TEXTS[:1], None),
        (None, None),
    ):
        loaded = len(references)
        cascade = load_cascade("mini", 64, prompts=prompts, text=text)
        pictures.append(cascade.generate(TEXTS, SEEDS, settings))
        assert len(references) - loaded == (0 if len(pictures) == 2 else 4 if len(prompts or ()) == 1 else 2)
        assert all(reference() is None for reference in references) == (prompts is not None)
    assert alive_at_load == [0, 0, 0, 0]
    for other in pictures[1:]:
        for one, two in zip(pictures[0], other, strict=True):
            assert one.image is not None
            assert np.array_equal(one.image, two.image)
            assert one.notes == two.notes
    assert "truncated" in pictures[1][2].notes[0]
