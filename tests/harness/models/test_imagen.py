"""The adapter of the built-in cascade: its real shapes, with random weights where pictures are needed."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import imagen.cascade
from drawbench.errors import InputError
from drawbench.types import Prompt
from harness.models.imagen import ImagenModel
from harness.models.registry import ModelOptions
from harness.run import main
from harness.types import Drawn, Failure, Request
from imagen.checkpoint import save_weights
from imagen.presets import load_preset
from imagen.unet import EfficientUNet


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of the real base network, in the place of trained ones."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(1)
    config = load_preset("mini")[64].unet
    unet = EfficientUNet(config)
    for parameter in unet.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    save_weights(folder / "mini-64.safetensors", unet.state_dict(), config, {})
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DRAWBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def random_weights(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        imagen.cascade, "weights_path", lambda preset, size: weights / f"{preset}-{size}.safetensors"
    )


def model(argument: str = "", device: str = "cpu") -> ImagenModel:
    return ImagenModel(ModelOptions(argument, device))


def test_settings_are_complete_and_named_by_stage() -> None:
    settings = model().resolve_settings({"stages": 256})
    assert settings["stages"] == 256
    assert {name.split(".")[0] for name in settings if "." in name} == {"64", "256"}
    assert "64.aug_sigma" not in settings
    assert settings == model().resolve_settings(settings)


def test_guidance_is_the_bases_and_the_rest_is_every_stages() -> None:
    plain = model().resolve_settings({})
    given = model().resolve_settings(
        {"guidance_scale": 7, "steps": 3, "1024.steps": 2, "256.guidance_scale": 2}
    )
    assert given["guidance_scale"] == 7.0
    assert isinstance(given["guidance_scale"], float)
    assert (given["64.steps"], given["256.steps"], given["1024.steps"]) == (3, 3, 2)
    assert given["256.guidance_scale"] == 2.0
    assert given["1024.guidance_scale"] == plain["1024.guidance_scale"]
    assert model().resolve_settings({"64.guidance_scale": 7}) == model().resolve_settings(
        {"guidance_scale": 7}
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"stages": 128}, "stages must be one of 64, 256, 1024, not 128"),
        ({"stages": True}, "stages must be one of"),
        ({"stages": "64"}, "stages must be one of"),
        ({"stages": 64, "256.steps": 3}, "256 pixels does not run"),
        ({"512.steps": 3}, "no setting '512.steps'"),
        ({"64.aug_sigma": 0.1}, "no setting '64.aug_sigma'"),
        ({"colour": "red"}, "no setting 'colour'"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"steps": 2.5}, "steps must be a whole number"),
        ({"sampler": "magic"}, "unknown sampler 'magic'"),
        ({"sampler": 5}, "sampler must be a word"),
        ({"thresholding": "some"}, "unknown thresholding"),
        ({"percentile": 0}, "percentile"),
        ({"aug_sigma": -1}, "aug_sigma must be at least 0"),
        ({"256.guidance_scale": float("nan")}, "must be a finite number"),
        ({"eta": 0.5}, "eta is of use with sampler=ddim only, and no stage has that"),
        ({"64.eta": 0.5}, "stage 64: eta is of use with sampler=ddim only"),
        ({"sampler": "ddim", "eta": 2}, r"eta must be in \[0, 1\]"),
        ({"stochasticity": 0.5}, "stochasticity is of use with sampler=ancestral only"),
        ({"threshold_cap": 1.5}, "threshold_cap is of use with thresholding=dynamic only"),
        ({"thresholding": "dynamic", "threshold_cap": 0.5}, "threshold_cap must be at least 1"),
        ({"guidance_interval": [3, -3]}, "two log-SNRs, low < high"),
        ({"guidance_interval": 3}, r"guidance_interval must be \[low, high\] in log-SNR, or null, not 3"),
        ({"guidance_interval": [1, "x"]}, "must be a finite number, not 'x'"),
        ({"guidance_rule": "apg"}, "unknown guidance_rule 'apg'"),
        ({"aug_sigma": []}, "aug_sigma must be a finite number"),
        ({"aug_sigma": [0.1, -0.1]}, "aug_sigma must be at least 0"),
        ({"aug_sigma": [0.1, None]}, "aug_sigma must be a finite number, not None"),
    ],
)
def test_settings_that_make_no_sense(given: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        model().resolve_settings(given)


def test_a_setting_that_depends_on_a_choice_goes_to_the_stages_with_that_choice() -> None:
    given = model().resolve_settings(
        {"256.sampler": "ancestral", "stochasticity": 1, "thresholding": "dynamic"}
    )
    assert [given[f"{size}.stochasticity"] for size in (64, 256, 1024)] == [0.0, 1.0, 0.0]
    assert given["64.percentile"] == 99.5
    capped = model().resolve_settings({"thresholding": "dynamic", "threshold_cap": 2, "percentile": 95})
    assert (capped["64.threshold_cap"], capped["1024.percentile"]) == (2.0, 95.0)
    for settings in (given, capped):
        assert settings == model().resolve_settings(settings)


def test_a_presets_setting_goes_when_the_choice_it_belongs_to_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """No refusal of, and no trace in the key by, a number that the user never gave."""
    one = model()
    defaults = {
        size: replace(stage, thresholding="dynamic", percentile=95.0) for size, stage in one._defaults.items()
    }
    monkeypatch.setattr(one, "_defaults", defaults)
    assert one.resolve_settings({})["64.percentile"] == 95.0
    assert one.resolve_settings({"thresholding": "static"})["64.percentile"] == 99.5


def test_settings_are_plain_json_values_and_numbers_are_floats() -> None:
    given = {"guidance_interval": [-4, 2], "256.aug_sigma": [0, 0.2], "1024.aug_sigma": [0.3]}
    settings = model().resolve_settings(given)
    assert settings["64.guidance_interval"] == [-4.0, 2.0]
    assert settings["256.aug_sigma"] == [0.0, 0.2]
    assert settings["1024.aug_sigma"] == 0.3
    assert settings["64.guidance_rule"] == "classifier_free_x0"
    again = json.loads(json.dumps(settings))
    assert again == settings == model().resolve_settings(again)


def test_levels_of_augmentation_go_round_by_the_samples_index() -> None:
    one = model()
    settings = one.resolve_settings({"stages": 256, "256.aug_sigma": [0.0, 0.1, 0.3]})
    levels = [one._stage_settings(settings, index)[256].aug_sigma for index in range(5)]
    assert levels == [0.0, 0.1, 0.3, 0.0, 0.1]
    assert one.network_evaluations(settings) == one.network_evaluations(one.resolve_settings({"stages": 256}))


def test_a_level_by_index_is_the_same_picture_whatever_the_batch() -> None:
    """The shipped stages: the sample of index 1 is the one that a run at its level alone would give."""
    one, prompt = model(), Prompt("a", "a red car")
    steps = {"stages": 256, "64.steps": 1, "256.steps": 1}
    cycle = one.resolve_settings({**steps, "256.aug_sigma": [0.0, 0.6]})
    fixed = one.resolve_settings({**steps, "256.aug_sigma": 0.6})
    together = one.generate([Request(prompt, index, 7, cycle) for index in (1, 0, 3)])
    alone = one.generate([Request(prompt, 1, 7, fixed)])[0]
    pictures = [np.asarray(drawn.picture) for drawn in (*together, alone) if isinstance(drawn, Drawn)]
    assert np.array_equal(pictures[0], pictures[3])
    assert np.array_equal(pictures[2], pictures[3])
    assert not np.array_equal(pictures[1], pictures[3])


def test_unknown_preset_and_missing_device() -> None:
    with pytest.raises(InputError, match="unknown preset 'maxi'"):
        model("maxi")
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="sees no CUDA device"):
            model(device="cuda")


def test_effort_is_counted() -> None:
    one = model()
    base = one.resolve_settings({"stages": 64, "steps": 10, "guidance_scale": 3})
    unguided = one.resolve_settings({"stages": 64, "steps": 10, "guidance_scale": 1})
    assert one.network_evaluations(base) == 20
    assert one.network_evaluations(unguided) == 10
    assert one.estimate_seconds(base) == pytest.approx(2 * (one.estimate_seconds(unguided) or 0))
    assert one.picture_size(base) == (64, 64)
    heun = one.resolve_settings({"stages": 64, "steps": 10, "guidance_scale": 3, "sampler": "heun"})
    assert one.network_evaluations(heun) == 38
    interval = {"stages": 64, "steps": 10, "guidance_scale": 3, "guidance_interval": [-2, 2]}
    assert 10 < one.network_evaluations(one.resolve_settings(interval)) < 20


@pytest.mark.usefixtures("random_weights")
def test_identity_has_the_weights_of_the_stages_that_run_and_loads_nothing() -> None:
    one = model()
    one.resolve_settings({"stages": 64})
    identity = one.identity()
    assert identity["name"] == "imagen-mini"
    assert list(identity["weights"]) == ["64"]
    assert one._cascade is None
    two = model()
    two.resolve_settings({"stages": 256})
    with pytest.raises(InputError, match=r"weights missing: .*mini-256"):
        two.identity()


@pytest.mark.usefixtures("random_weights")
def test_pictures_notes_and_failures() -> None:
    one = model()
    settings = one.resolve_settings({"stages": 64, "steps": 1})
    asked = [
        Request(Prompt("a", "a red car"), 0, 1, settings),
        Request(Prompt("b", "car " * 400), 0, 2, settings),
    ]
    short, long = one.generate(asked)
    assert isinstance(short, Drawn)
    assert isinstance(long, Drawn)
    assert short.notes == ()
    assert long.notes[0].startswith("prompt truncated")
    cascade = one._loaded()
    with torch.no_grad():
        next(cascade.stages[0].unet.parameters()).fill_(float("nan"))
    (broken,) = one.generate(asked[:1])
    assert isinstance(broken, Failure)
    assert broken.status == "nan"
    assert "64 px stage" in broken.reason


@pytest.mark.usefixtures("random_weights")
def test_prompts_are_encoded_ahead_into_the_users_cache(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead, alone = model(), model()
    settings = ahead.resolve_settings({"stages": 64, "steps": 1})
    alone.resolve_settings(settings)
    asked = [Request(Prompt(str(i), f"{i} red cars"), 0, i, settings) for i in range(3)]
    ahead.look_ahead(asked)
    ahead.load()
    assert {path.name for path in (own_cache / "text").rglob("states.*")} == {"states.pack", "states.index"}

    def refuse(*arguments: object) -> None:
        raise AssertionError("a text encoder was loaded")

    with monkeypatch.context() as patch:
        patch.setattr("imagen.text.prompts.load_encoder", refuse)
        drawn = ahead.generate(asked)
    monkeypatch.setenv("DRAWBENCH_CACHE", str(own_cache / "other"))
    for one, two in zip(drawn, alone.generate(asked), strict=True):
        assert isinstance(one, Drawn)
        assert isinstance(two, Drawn)
        assert np.array_equal(one.picture, two.picture)


def test_a_text_encoder_that_is_missing_is_one_line_with_the_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("DRAWBENCH_WEIGHTS", str(tmp_path / "mine"))
    monkeypatch.setattr(imagen.cascade, "preset_text_encoder", lambda preset: "t5-xxl")
    one = model()
    one.resolve_settings({"stages": 64})
    with pytest.raises(InputError, match=r"imagen: text encoder google/t5-v1_1-xxl is not in") as raised:
        one.identity()
    assert f"{tmp_path / 'mine'}, {tmp_path / 'cache' / 'weights'}" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.usefixtures("random_weights")
def test_the_main_command_with_the_cascade(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Batch sizes change nothing, a long prompt is reported, and a finished run loads no weights."""
    monkeypatch.chdir(tmp_path)
    Path("p.txt").write_text("a red car\ntwo blue birds\n" + "very " * 2000 + "\n", encoding="utf-8")
    command = ["--model", "imagen", "--bench", "file:p.txt", "--stages", "64", "--steps", "2", "--no-score"]
    command += ["--device", "cpu", "--json"]
    hashes = []
    for batch_size in ("1", "3"):
        assert main([*command, "--batch-size", batch_size, "--out", batch_size]) == 0
        summary = json.loads(capsys.readouterr().out)
        assert summary["counts"]["ok"] == 3
        assert summary["truncated_prompts"] == ["p-0002"]
        (folder,) = Path(batch_size).iterdir()
        lines = (folder / "ledger.jsonl").read_text().splitlines()
        hashes.append([json.loads(line)["sha256"] for line in lines])
    assert hashes[0] == hashes[1]
    assert len(set(hashes[0])) == 3

    def refuse(*arguments: object) -> None:
        raise AssertionError("weights were loaded")

    monkeypatch.setattr(imagen.cascade, "load_cascade", refuse)
    assert main([*command, "--out", "1"]) == 0
