"""The diffusers adapter on real pipelines, tiny and random, built and saved on the spot."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from drawbench.errors import InputError
from drawbench.types import Prompt
from harness.models import diffusers_pipeline
from harness.models.diffusers_pipeline import DiffusersModel
from harness.models.registry import ModelOptions
from harness.run import main
from harness.types import Drawn, Failure, Request

Folders = Callable[[str], Path]
SMALL = {"height": 32, "width": 32, "steps": 2}


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAWBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def model(argument: Path | str, **more: object) -> DiffusersModel:
    return DiffusersModel(ModelOptions(str(argument), "cpu", **more))  # type: ignore[arg-type]


def draw(
    one: DiffusersModel, given: dict[str, object], prompts: list[str], seed: int = 7
) -> list[np.ndarray | str]:
    """Each prompt's pixels, or the status of its failure."""
    settings = one.resolve_settings(given)
    asked = [Request(Prompt(str(i), text), 0, seed + i, settings) for i, text in enumerate(prompts)]
    results = one.generate(asked)
    return [np.asarray(r.picture) if isinstance(r, Drawn) else r.status for r in results]


@pytest.mark.parametrize("kind", ["sd", "sdxl", "sd3", "flux", "pixart", "if", "ldm"])
def test_every_kind_of_pipeline_draws_and_neighbours_change_no_byte(
    kind: str, pipeline_folder: Folders
) -> None:
    one = model(pipeline_folder(kind))
    prompts = ["a red cat", "two blue dogs", "a car", "a tree"]
    given = {**SMALL, "use_resolution_binning": False} if kind == "pixart" else SMALL
    together = draw(one, given, prompts)
    again = model(pipeline_folder(kind))
    settings = again.resolve_settings(given)
    alone = [
        again.generate([Request(Prompt(str(i), text), 0, 7 + i, settings)])[0]
        for i, text in reversed(list(enumerate(prompts)))
    ]
    for side_by_side, single in zip(together, reversed(alone), strict=True):
        assert isinstance(single, Drawn)
        assert isinstance(side_by_side, np.ndarray)
        assert side_by_side.shape == (32, 32, 3)
        assert side_by_side.dtype == np.uint8
        assert np.array_equal(side_by_side, single.picture)
    assert len({picture.tobytes() for picture in together if isinstance(picture, np.ndarray)}) == 4


def test_seed_prompt_and_guidance_each_change_the_picture(pipeline_folder: Folders) -> None:
    one = model(pipeline_folder("sd"))
    (first,) = draw(one, SMALL, ["a red cat"])
    for given, text, seed in (
        (SMALL, "a red cat", 8),
        (SMALL, "a blue dog", 7),
        ({**SMALL, "guidance_scale": 1.0}, "a red cat", 7),
        ({**SMALL, "negative_prompt": "ugly"}, "a red cat", 7),
        ({**SMALL, "steps": 3}, "a red cat", 7),
        ({**SMALL, "scheduler": "EulerAncestralDiscreteScheduler"}, "a red cat", 7),
    ):
        (other,) = draw(one, given, [text], seed)
        assert not np.array_equal(first, other), given
    (back,) = draw(one, SMALL, ["a red cat"])
    assert np.array_equal(first, back)


def test_a_weight_of_1_is_no_guidance_as_in_the_paper(pipeline_folder: Folders) -> None:
    """1 and just above it agree, although the second evaluates both branches."""
    one = model(pipeline_folder("sd"))
    (off,) = draw(one, {**SMALL, "guidance_scale": 1.0}, ["a red cat"])
    (nearly,) = draw(one, {**SMALL, "guidance_scale": 1.0 + 1e-6}, ["a red cat"])
    (far,) = draw(one, {**SMALL, "guidance_scale": 30.0}, ["a red cat"])
    difference = np.abs(np.asarray(off, int) - np.asarray(nearly, int)).max()
    assert difference <= 1
    assert np.abs(np.asarray(off, int) - np.asarray(far, int)).max() > 1


def test_settings_are_complete_and_come_back_the_same(pipeline_folder: Folders) -> None:
    one = model(pipeline_folder("sd3"))
    settings = one.resolve_settings({"guidance_scale": 3, "steps": 5})
    assert settings["guidance_scale"] == 3.0
    assert settings["max_sequence_length"] == 256
    assert settings["scheduler"] == "FlowMatchEulerDiscreteScheduler"
    assert one.resolve_settings(json.loads(json.dumps(settings))) == settings
    assert not {"prompt", "generator", "latents", "output_type", "prompt_embeds"} & settings.keys()
    assert one.picture_size(settings) is None
    assert one.picture_size(one.resolve_settings(SMALL)) == (32, 32)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"colour": "red"}, "no setting 'colour'; it has: .*guidance_scale"),
        ({"stages": 64}, "no setting 'stages'"),
        ({"steps": 0}, "steps must be a whole number of at least 1"),
        ({"steps": 2.5}, "steps must be a whole number"),
        ({"height": "big"}, "height must be a whole number"),
        ({"guidance_scale": 0.5}, "guidance_scale must be 0, or at least 1"),
        ({"guidance_scale": "x"}, "guidance_scale must be a finite number"),
        ({"negative_prompt": 3}, "negative_prompt must be text"),
        ({"eta": "x"}, "eta must be a finite number"),
        ({"scheduler": "magic"}, "scheduler must be one of DDIMScheduler, .*not 'magic'"),
        ({"threads": 0}, "threads must be a whole number"),
        ({"offload": "disk"}, "offload must be one of none, model, sequential"),
        ({"stage3": "x"}, "stage3 needs a stage2"),
        ({"variant": 16}, "variant must be text"),
    ],
)
def test_settings_that_make_no_sense(
    given: dict[str, object], message: str, pipeline_folder: Folders
) -> None:
    with pytest.raises(InputError, match=message):
        model(pipeline_folder("sd")).resolve_settings(given)


def test_schedulers_by_name_with_arguments(pipeline_folder: Folders) -> None:
    one = model(pipeline_folder("sd"))
    plain = {**SMALL, "steps": 5, "scheduler": "dpmsolvermultistep"}
    assert one.resolve_settings(plain)["scheduler"] == "DPMSolverMultistepScheduler"
    (first,) = draw(one, plain, ["a red cat"])
    (karras,) = draw(one, {**plain, "scheduler.use_karras_sigmas": True}, ["a red cat"])
    (back,) = draw(one, plain, ["a red cat"])
    assert not np.array_equal(first, karras)
    assert np.array_equal(first, back)
    with pytest.raises(InputError, match="DPMSolverMultistepScheduler has no argument 'speed'"):
        draw(one, {**plain, "scheduler.speed": 3}, ["a red cat"])


def test_long_prompts_are_noted(pipeline_folder: Folders, capfd: pytest.CaptureFixture[str]) -> None:
    one = model(pipeline_folder("sd"))
    settings = one.resolve_settings(SMALL)
    short, long = one.generate(
        [Request(Prompt("a", "a cat"), 0, 1, settings), Request(Prompt("b", "cat " * 60), 0, 1, settings)]
    )
    assert isinstance(short, Drawn)
    assert isinstance(long, Drawn)
    assert short.notes == ()
    assert long.notes == ("prompt truncated to 77 tokens by CLIP",)
    printed = capfd.readouterr()
    assert "truncated" not in printed.out + printed.err
    assert "%|" not in printed.out + printed.err


def test_the_safety_checkers_pictures_are_filtered_not_black(pipeline_folder: Folders) -> None:
    one = model(pipeline_folder("sd-checked"))
    settings = one.resolve_settings(SMALL)
    (flagged,) = one.generate([Request(Prompt("a", "a cat"), 0, 1, settings)])
    assert flagged == Failure("filtered", "the pipeline's safety checker flagged the picture")


def test_nan_is_a_failure_of_its_own(pipeline_folder: Folders) -> None:
    one = model(pipeline_folder("sd"))
    settings = one.resolve_settings(SMALL)
    one.load()
    with torch.no_grad():
        next(one._pipelines[0].unet.parameters()).fill_(float("nan"))
    (broken,) = one.generate([Request(Prompt("a", "a cat"), 0, 1, settings)])
    assert isinstance(broken, Failure)
    assert broken.status == "nan"


def test_a_cascade_of_two_stages(pipeline_folder: Folders, tmp_path: Path) -> None:
    base, second = pipeline_folder("if"), pipeline_folder("if-256")
    one = model(base)
    given = {"steps": 2, "stage2": str(second), "stage2.steps": 2}
    settings = one.resolve_settings(given)
    assert (settings["steps"], settings["stage2.steps"], settings["stage2.noise_level"]) == (2, 2, 250)
    assert [stage["pipeline"] for stage in one.identity()["stages"]] == [
        "IFPipeline",
        "IFSuperResolutionPipeline",
    ]
    (picture,) = draw(one, given, ["a red cat"])
    assert isinstance(picture, np.ndarray)
    assert picture.shape == (64, 64, 3)
    (other,) = draw(one, {**given, "stage2.noise_level": 10}, ["a red cat"])
    assert not np.array_equal(picture, other)
    bare = shutil.copytree(second, tmp_path / "bare")
    index = json.loads((bare / "model_index.json").read_text())
    index |= {"text_encoder": [None, None], "tokenizer": [None, None]}
    (bare / "model_index.json").write_text(json.dumps(index))
    for name in ("text_encoder", "tokenizer"):
        shutil.rmtree(bare / name)
    (shared,) = draw(model(base), {**given, "stage2": str(bare)}, ["a red cat"])
    assert np.array_equal(picture, shared), "the first stage's text encoder is the same one here"


def test_identity_is_files_kind_and_format_and_loads_nothing(
    pipeline_folder: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(pipeline_folder("sd"), tmp_path / "mine")

    def identity(**more: object) -> dict[str, object]:
        one = DiffusersModel(ModelOptions(str(folder), "cpu", **more))  # type: ignore[arg-type]
        one.resolve_settings({})
        assert one._pipelines == []
        return dict(one.identity())

    first = identity()
    assert first["name"] == "diffusers-mine"
    (stage,) = first["stages"]  # type: ignore[misc]
    assert stage["pipeline"] == "StableDiffusionPipeline"
    assert stage["guidance"] == "classifier-free, 1 is off"
    assert {"unet/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"} <= set(
        stage["sha256"]
    )
    assert identity(dtype="bfloat16")["dtype"] == "bfloat16"
    (folder / "README.md").write_text("a note")
    shutil.copy(
        folder / "unet/diffusion_pytorch_model.safetensors",
        folder / "unet/diffusion_pytorch_model.fp16.safetensors",
    )
    assert identity() == first
    config = folder / "scheduler/scheduler_config.json"
    config.write_text(config.read_text().replace("0.012", "0.02"))
    assert identity() != first


def test_variants_are_other_files_and_are_the_ones_loaded(pipeline_folder: Folders, tmp_path: Path) -> None:
    folder = shutil.copytree(pipeline_folder("sd"), tmp_path / "mine")
    (plain,) = draw(model(folder), SMALL, ["a red cat"])
    unet = folder / "unet/diffusion_pytorch_model.safetensors"
    from safetensors.torch import load_file, save_file

    halved = {name: tensor * 0.5 for name, tensor in load_file(unet).items()}
    save_file(halved, folder / "unet/diffusion_pytorch_model.half.safetensors")
    one = model(folder)
    (half,) = draw(one, {**SMALL, "variant": "half"}, ["a red cat"])
    assert not np.array_equal(plain, half)
    hashes = one.identity()["stages"][0]["sha256"]
    assert "unet/diffusion_pytorch_model.half.safetensors" in hashes
    assert "unet/diffusion_pytorch_model.safetensors" not in hashes
    (again,) = draw(model(folder), SMALL, ["a red cat"])
    assert np.array_equal(plain, again)


def test_flux_says_what_its_guidance_is(pipeline_folder: Folders) -> None:
    one = model(pipeline_folder("flux"))
    assert "true_cfg_scale is classifier-free" in one.identity()["stages"][0]["guidance"]
    one.resolve_settings({"true_cfg_scale": 2})


def test_a_repository_is_found_in_the_hubs_cache_and_nowhere_else(
    pipeline_folder: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    hub = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(hub))
    repository = hub / "models--some--pipeline"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0" * 40)
    shutil.copytree(pipeline_folder("sd"), repository / "snapshots" / ("0" * 40))
    (cached,) = draw(model("some/pipeline"), SMALL, ["a red cat"])
    (local,) = draw(model(pipeline_folder("sd")), SMALL, ["a red cat"])
    assert np.array_equal(cached, local)
    weights = tmp_path / "weights"
    shutil.copytree(pipeline_folder("sd"), weights / "other" / "one")
    model("other/one", weights=weights).resolve_settings({})
    with pytest.raises(
        InputError, match=r"some/other is neither a folder nor in the hub's cache.*--download"
    ):
        model("some/other").resolve_settings({})
    with pytest.raises(InputError, match="cannot be downloaded"):
        model("some/other", download=True).resolve_settings({})


def test_folders_that_hold_no_pipeline(pipeline_folder: Folders, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs a folder or a repository"):
        model("")
    with pytest.raises(InputError, match="neither a folder nor a repository"):
        model("nowhere").resolve_settings({})
    with pytest.raises(InputError, match=r"has no model_index.json"):
        model(tmp_path).resolve_settings({})
    index = tmp_path / "model_index.json"
    for content, message in (
        ("{", "cannot be read"),
        ("{}", "names no pipeline class"),
        ('{"_class_name": "NoSuchPipeline"}', "does not know"),
        ('{"_class_name": "UNet2DModel"}', "does not know"),
        ('{"_class_name": "DDPMPipeline"}', "does not draw from a prompt alone"),
        ('{"_class_name": "IFSuperResolutionPipeline"}', "does not draw from a prompt alone"),
    ):
        index.write_text(content)
        with pytest.raises(InputError, match=message):
            model(tmp_path).resolve_settings({})
    index.write_text((pipeline_folder("sd") / "model_index.json").read_text())
    with pytest.raises(InputError, match="cannot load"):
        model(tmp_path).load()


def test_a_missing_package_is_one_line(pipeline_folder: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(InputError, match="pip install diffusers"):
        model(pipeline_folder("sd")).resolve_settings({})


def test_the_main_command(
    pipeline_folder: Folders,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Batch sizes change nothing, flagged pictures are counted, and a finished run loads no weights."""
    monkeypatch.chdir(tmp_path)
    Path("p.txt").write_text("a red cat\ntwo blue dogs\n" + "very " * 100 + "\n", encoding="utf-8")
    command = ["--bench", "file:p.txt", "--no-score", "--json", "--device", "cpu", "--guidance-scale", "2"]
    command += ["--steps", "2", "--set", "height=32", "--set", "width=32"]
    drawing = [*command, "--model", f"diffusers:{pipeline_folder('sd')}"]
    hashes = []
    for batch_size in ("1", "3"):
        assert main([*drawing, "--batch-size", batch_size, "--out", batch_size]) == 0
        summary = json.loads(capsys.readouterr().out)
        assert summary["counts"]["ok"] == 3
        assert summary["truncated_prompts"] == ["p-0002"]
        (folder,) = Path(batch_size).iterdir()
        lines = (folder / "ledger.jsonl").read_text().splitlines()
        hashes.append([json.loads(line)["sha256"] for line in lines])
    assert hashes[0] == hashes[1]
    monkeypatch.setattr(diffusers_pipeline.DiffusersModel, "_load", None)
    assert main([*drawing, "--out", "1"]) == 0
    capsys.readouterr()
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert main([*command, "--model", f"diffusers:{pipeline_folder('sd-checked')}", "--out", "c"]) == 1
    assert json.loads(capsys.readouterr().out)["counts"]["filtered"] == 3
