"""`--config run.toml`: flags from a file, flags of the command line above it, mistakes in one line."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.run import main

Output = pytest.CaptureFixture[str]

CONFIG = """
model = "dummy"
bench = "file:p.csv"
samples-per-prompt = 2
no-score = true
sweep = []

[settings]
size = 24
guidance_scale = 1.5
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("p.csv").write_text("prompt,category\na red cube,Colors\na blue ball,Colors\n", encoding="utf-8")
    Path("run.toml").write_text(CONFIG.replace("no-score = true", "score = false"), encoding="utf-8")
    return tmp_path


def _manifest() -> dict[str, Any]:
    (path,) = Path("results").glob("*/manifest.json")
    manifest: dict[str, Any] = json.loads(path.read_text())
    return manifest


def test_a_file_is_as_good_as_flags() -> None:
    assert main(["--config", "run.toml"]) == 0
    from_file = _manifest()
    flags = ["--model", "dummy", "--bench", "file:p.csv", "--samples-per-prompt", "2", "--no-score"]
    assert main([*flags, "--set", "size=24", "--guidance-scale", "1.5"]) == 0
    assert _manifest()["run_hash"] == from_file["run_hash"]  # one folder: it is the same run


def test_flags_stand_above_the_file_setting_by_setting() -> None:
    command = ["--samples-per-prompt", "1", "--config", "run.toml", "--guidance-scale", "3"]
    assert main(command) == 0
    manifest = _manifest()
    assert manifest["samples_per_prompt"] == 1
    assert manifest["settings"]["guidance_scale"] == 3
    assert manifest["settings"]["size"] == 24


def test_the_resolved_configuration_is_in_the_manifest() -> None:
    assert main(["--config", "run.toml", "--seed", "5"]) == 0
    options = _manifest()["options"]
    assert options["model"] == "dummy"
    assert options["settings"] == {"size": 24, "guidance_scale": 1.5}
    assert options["seed"] == 5
    assert options["on_failure"] == "count"


def test_tables_within_settings_are_dotted_names(capsys: Output) -> None:
    Path("run.toml").write_text('model="dummy"\nbench="file:p.csv"\n[settings.64]\nsampler="x"\n')
    assert main(["--config", "run.toml"]) == 2
    assert "64.sampler" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ("metrik = 'fid'", "'metrik' is no flag"),
        ("model = [1", "is no TOML"),
        ("settings = 3", "must be a table"),
        ("[bench]\nname = 'x'", "bench is a table"),
        ("model = 'dummy'\nbench = 'file:p.csv'\nlimit = 'many'", "--limit"),
        ("model = 'dummy'\nbench = 'file:p.csv'\n[settings]\nsize = nan", "size"),
    ],
)
def test_mistakes_are_one_line(content: str, wanted: str, capsys: Output) -> None:
    Path("run.toml").write_text(content, encoding="utf-8")
    assert main(["--config", "run.toml"]) == 2
    err = capsys.readouterr().err
    assert wanted in err
    assert err.count("\n") == 1
    assert not Path("results").exists()


def test_a_file_that_is_not_there(capsys: Output) -> None:
    assert main(["--config", "gone.toml"]) == 2
    assert "gone.toml cannot be read" in capsys.readouterr().err
