"""The command, run for real: what it writes, how it goes on, and what it refuses."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imagen.checkpoint import load_state, load_unet
from imagen.train import main

ROOT = Path(__file__).resolve().parents[2]
Flags = Callable[..., list[str]]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of ten captioned pictures, one of them broken."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(10):
        pixels = rng.integers(0, 256, (40, 36, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
        (folder / f"{i}.txt").write_text(f"picture number {i}")
    (folder / "9.png").write_bytes(b"broken")
    return folder


@pytest.fixture
def flags(tmp_path: Path, tiny_cascade: Path, pictures: Path) -> Flags:
    """The command's flags for a short run on that folder; others on top."""

    def make(**others: object) -> list[str]:
        values: dict[str, object] = {
            "preset": tiny_cascade,
            "stage": 16,
            "data": f"folder:{pictures}",
            "out": tmp_path / "out",
            "steps": 4,
            "batch": 4,
            "every": 2,
            "samples-every": 4,
            "samples": 2,
            "device": "cpu",
            "threads": 1,
            **{name.replace("_", "-"): value for name, value in others.items()},
        }
        given = [(f"--{name}", value) for name, value in values.items() if value is not None]
        return [part for name, value in given for part in ([name] if value is True else [name, str(value)])]

    return make


def losses(out: Path) -> list[tuple[int, float]]:
    entries = [json.loads(line) for line in (out / "loss.jsonl").read_text().splitlines()]
    return [(entry["step"], entry["loss"]) for entry in entries]


def test_a_run_writes_weights_record_log_curve_and_samples(
    flags: Flags, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    main(flags())
    unet, record = load_unet(out / "weights.safetensors")
    assert unet.config.channels == (16,)
    assert (record["step"], record["pictures_seen"]) == (4, 16)
    assert record["stage"]["prediction"] == "v"
    assert record["pairs"]["left_out"] == {"used": 9, "broken": 1, "without_caption": 0, "enlarged": 0}
    assert [step for step, _ in losses(out)] == [2, 4]
    assert sorted(p.name for p in out.iterdir()) == [
        *("config.json", "loss.jsonl", "loss.png", "pairs", "samples", "state.pt"),
        "weights.safetensors",
    ]
    with Image.open(out / "samples" / "0000004.png") as sheet:
        assert sheet.width == 2 * 128
    told = capsys.readouterr().err
    assert "1 pictures could not be read: 9.png" in told
    assert "4/4 loss" in told


def test_tensorboard_is_written_beside_the_rest(flags: Flags, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    main(flags(tensorboard=True, samples=1, steps=1))
    assert any((tmp_path / "out" / "tensorboard").iterdir())


def test_a_longer_run_goes_on_and_both_starts_are_recorded(flags: Flags, tmp_path: Path) -> None:
    out = tmp_path / "out"
    main(flags(steps=2))
    main(flags(steps=4, lr=1e-4))
    history = json.loads((out / "config.json").read_text())["history"]
    assert [(h["step"], h["steps"], h["lr"]) for h in history] == [(0, 2, 1.5e-3), (2, 4, 1e-4)]
    assert load_unet(out / "weights.safetensors")[1]["history"] == history
    assert [step for step, _ in losses(out)] == [2, 4]


def test_a_killed_run_goes_on_to_the_same_bits(flags: Flags, tmp_path: Path) -> None:
    """SIGKILL after some state is on disk, then the same command again."""
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    shared = {"steps": 40, "every": 1, "samples": 0, "pairs_folder": tmp_path / "pairs"}
    command = [sys.executable, "-m", "imagen.train", *flags(**shared, out=killed)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 300
    while not (killed / "state.pt").exists() and time.monotonic() < until:
        time.sleep(0.005)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    for out in (straight, killed):
        main(flags(**shared, out=out))
    assert len(json.loads((killed / "config.json").read_text())["history"]) == 2
    assert losses(killed) == losses(straight)
    assert len(losses(killed)) == 40
    one, _ = load_unet(straight / "weights.safetensors")
    other, _ = load_unet(killed / "weights.safetensors")
    assert all((a == b).all() for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_a_run_that_diverges_stops_with_its_last_good_state(
    flags: Flags, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    blown_up = {"lr": 1e38, "warmup": 1, "samples": 0, "steps": 50, "every": 40, "clip_norm": 1e30}
    with pytest.raises(SystemExit) as stop:
        main(flags(**blown_up))
    assert stop.value.code == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert "the loss is nan" in told or "the loss is inf" in told
    assert "holds the state before; a lower --lr may go on from it" in told
    state = load_state(out / "state.pt")
    assert f"step {state['step'] + 1}:" in told
    assert not (out / "weights.safetensors").exists()


def test_training_can_start_from_given_weights(flags: Flags, tmp_path: Path) -> None:
    main(flags(out=tmp_path / "first", lr=0.05, warmup=0))
    weights = tmp_path / "first" / "weights.safetensors"
    main(flags(out=tmp_path / "second", init=weights, steps=1, lr=1e-12))
    one, _ = load_unet(weights)
    other, record = load_unet(tmp_path / "second" / "weights.safetensors")
    assert all((a == b).all() for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert record["init"].startswith("sha256:")


def refused(argv: list[str], capsys: pytest.CaptureFixture[str], said: str) -> None:
    with pytest.raises(SystemExit) as stop:
        main(argv)
    told = capsys.readouterr().err
    assert stop.value.code == 2, told
    assert told.count("\n") == 1, told
    assert said in told


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({"stage": 128}, "own.toml has the stages 16, 64, 256, not 128"),
        ({"preset": "huge"}, "unknown preset 'huge'"),
        ({"preset": "none.toml"}, "there is no preset file none.toml"),
        ({"data": "folder:/no/such/folder"}, "there is no such folder"),
        ({"data": "drawbench.scenes:training_pairs"}, "--pairs is needed"),
        ({"data_args": "[1]"}, "--data-args must be a JSON object"),
        ({"data_args": "{"}, "--data-args"),
        ({"data_args": '{"colour": 1}'}, "--data folder has no argument 'colour'"),
        ({"pairs": 0}, "--pairs must be at least 1"),
        ({"pairs": 100}, "the data ended after 9 pairs, 100 were asked for"),
        ({"steps": None}, "--steps is needed"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"steps": "many"}, "argument --steps: invalid int value"),
        ({"batch": 6, "accumulate": 4}, "does not split into 1 processes x 4 pieces"),
        ({"optimiser": "sgd"}, "invalid choice: 'sgd'"),
        ({"crop": 8}, "crop is for super-resolution stages"),
        ({"stage": 64, "crop": 30}, "sizes that 4 divides, not 30"),
        ({"every": 0}, "every must be at least 1"),
        ({"samples": -1}, "--samples must be at least 0"),
        ({"threads": 0}, "--threads must be at least 1"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"init": "none.safetensors"}, "no weights at none.safetensors"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    flags: Flags, tmp_path: Path, capsys: pytest.CaptureFixture[str], others: dict[str, object], said: str
) -> None:
    before = sorted(tmp_path.rglob("*"))
    refused(flags(**others), capsys, said)
    assert sorted(tmp_path.rglob("*")) == before


def test_data_without_captions_and_an_out_that_is_no_folder_are_refused(
    flags: Flags, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    refused(flags(out=tmp_path / "file"), capsys, "no folder to write in")
    refused(flags(out=tmp_path / "file" / "out"), capsys, "no folder to write in")
    for text in pictures.glob("*.txt"):
        text.unlink()
    refused(flags(), capsys, "10 pictures have no caption")
    assert not (tmp_path / "out").exists()


def test_a_folder_with_another_run_is_refused_by_the_field_that_differs(
    flags: Flags, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(flags(samples=0))
    capsys.readouterr()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    refused(flags(batch=8), capsys, "holds another run: config.batch is 4 there, 8 here")
    refused(flags(stage=64), capsys, "holds another run:")
    refused(flags(weighting="v"), capsys, "config.weighting is 'capped_v' there, 'v' here")
    refused(
        flags(out=tmp_path / "new", pairs_folder=tmp_path / "out" / "pairs", pairs=5),
        capsys,
        "holds other pairs: pairs_asked is None there, 5 here",
    )
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}


def test_bfloat16_is_refused_in_one_line_where_there_is_none(
    flags: Flags, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagen.training.devices.cpu_has_bfloat16", lambda: False)
    refused(flags(precision="bfloat16"), capsys, "this CPU has no bfloat16")


def test_the_papers_recipe_is_a_set_of_defaults(flags: Flags, tmp_path: Path) -> None:
    main(flags(recipe="paper", stage=64, crop=32, samples=1, steps=1, data_args="{}"))
    config = json.loads((tmp_path / "out" / "config.json").read_text())["config"]
    assert (config["steps"], config["batch"], config["crop"]) == (1, 4, 32)  # the flags'
    assert (config["optimiser"], config["lr"], config["warmup"]) == ("adamw", 1e-4, 10_000)  # the paper's
    with Image.open(tmp_path / "out" / "samples" / "0000001.png") as sheet:
        assert sheet.width == 3 * 128
