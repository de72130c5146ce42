"""A cascade of one's own: trained by the command, then drawn with and recorded by the harness."""

import json
import shutil
from pathlib import Path

import pytest

from harness.run import main as draw
from imagen.cascade import cascade_identity, load_cascade
from imagen.presets import load_preset
from imagen.train import main as train

SCENES = '{"size": 256, "crop": 64}'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_cascade_text: str) -> Path:
    """Three tiny stages, trained for two steps each on scenes."""
    root = tmp_path_factory.mktemp("own")
    (root / "preset.toml").write_text(tiny_cascade_text)
    for stage in (16, 64, 256):
        train(
            [
                *(
                    "--preset",
                    str(root / "preset.toml"),
                    "--stage",
                    str(stage),
                    "--out",
                    str(root / f"{stage}"),
                ),
                *("--cascade", str(root / "my-cascade"), "--pairs", "4", "--steps", "2", "--batch", "4"),
                *("--samples", "0", "--threads", "1", "--data-args", SCENES if stage == 256 else "{}"),
            ]
        )
    return root / "my-cascade"


def test_a_trained_folder_is_a_model_of_the_harness(folder: Path, tmp_path: Path) -> None:
    command = ["--model", f"imagen:{folder}", "--bench", "scenes:n=2", "--out", str(tmp_path)]
    assert draw([*command, "--no-score", "--device", "cpu"]) == 0
    run = next(tmp_path.glob("*/manifest.json")).parent
    manifest = json.loads((run / "manifest.json").read_text())
    identity = manifest["model"]["identity"]
    assert identity["name"] == "imagen-my-cascade"
    assert sorted(identity["weights"]) == ["16", "256", "64"]
    assert identity["stages"] == {"16": "cosine v", "64": "linear x0", "256": "linear x0"}
    assert len(list((run / "images").rglob("*.png"))) == 2


def test_a_folder_moved_elsewhere_is_the_same_model(folder: Path, tmp_path: Path) -> None:
    moved = tmp_path / "my-cascade"
    shutil.copytree(folder, moved)
    assert cascade_identity(str(moved), 256, "cpu", "float32") == cascade_identity(
        str(folder), 256, "cpu", "float32"
    )
    assert load_preset(str(moved)) == load_preset(str(moved / "cascade.toml"))


def test_another_process_is_another_identity_and_refused_by_the_weights(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "my-cascade"
    shutil.copytree(folder, other)
    text = (other / "cascade.toml").read_text()
    (other / "cascade.toml").write_text(text.replace('prediction = "v"', 'prediction = "eps"'))
    changed = cascade_identity(str(other), 16, "cpu", "float32")
    assert changed != cascade_identity(str(folder), 16, "cpu", "float32")
    with pytest.raises(
        ValueError, match=r"16\.safetensors was trained for prediction v, the preset says eps"
    ):
        load_cascade(str(other), 16)
    (other / "cascade.toml").write_text(text.replace("channels = [16]", "channels = [32]"))
    with pytest.raises(ValueError, match="holds another network than the preset's 16 px stage"):
        load_cascade(str(other), 16)


def test_what_is_missing_or_malformed_is_one_clear_line(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "my-cascade"
    shutil.copytree(folder, other)
    (other / "64.safetensors").unlink()
    with pytest.raises(ValueError, match=r"weights missing: .*64\.safetensors"):
        cascade_identity(str(other), 64, "cpu", "float32")
    (other / "cascade.toml").write_text("[stage.16]\nsize = 16\n")
    with pytest.raises(ValueError, match="is malformed"):
        load_preset(str(other))
    (other / "cascade.toml").write_text("no toml")
    with pytest.raises(ValueError, match="is no preset"):
        load_preset(str(other))
    with pytest.raises(ValueError, match=r"there is no preset file .*cascade\.toml"):
        load_preset(str(tmp_path))


def test_a_cascades_folder_takes_stages_of_its_own_preset_only(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        train(
            [
                *("--stage", "64", "--out", str(tmp_path / "out"), "--cascade", str(folder)),
                *("--pairs", "1", "--steps", "1"),
            ]
        )
    assert stop.value.code == 2
    assert "is another preset than mini: use another --cascade" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
