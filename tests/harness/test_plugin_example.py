"""The template package under examples/, installed by pip and used by the command line in other processes."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package in it, and nothing else, installed without a network."""
    work = tmp_path_factory.mktemp("plugin")
    shutil.copytree(ROOT / "examples" / "plugin", work / "source")
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--no-index"]
    command += ["--target", str(work / "site"), str(work / "source")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return work / "site"


def call(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(installed), str(ROOT)])}
    environment["DRAWBENCH_CACHE"] = str(folder / "cache")
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_its_parts_are_listed_with_their_package(installed: Path, tmp_path: Path) -> None:
    done = call(installed, tmp_path, "-m", "harness.cli", "ls", "--json")
    assert done.returncode == 0, done.stderr
    lists = json.loads(done.stdout)
    for title, name in (
        ("models", "one-colour"),
        ("benches", "colours"),
        ("extractors", "mean-colour"),
        ("metrics", "colour-match"),
        ("engines", "polite"),
    ):
        (row,) = (row for row in lists[title] if row["name"] == name)
        assert row["source"] == "drawbench-example 0.1.0"
        assert "cannot be" not in row["needs"]
    about = {row["name"]: row["about"] for row in lists["models"]}
    assert about["one-colour"].startswith("Grainy pictures in one colour")


def test_its_parts_make_a_run(installed: Path, tmp_path: Path) -> None:
    """Red pictures match the red prompts best, which the template's own metric must find."""
    readme = (ROOT / "examples" / "plugin" / "README.md").read_text(encoding="utf-8")
    (command,) = (line for line in readme.splitlines() if line.startswith("python -m harness.run"))
    done = call(installed, tmp_path, *command.split()[1:], "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["counts"]["ok"] == summary["counts"]["planned"] == 12
    assert summary["sample_notes"] == {"the prompt asks for another colour": 9}
    (score,) = (s for s in summary["scores"] if s["category"] is None)
    assert score["identity"] == "colour-match[mean-colour/1|rgb|png]"
    assert 0.3 < score["value"] < 0.9
    import pandas as pd

    (folder,) = (tmp_path / "results").iterdir()
    assert json.loads((folder / "manifest.json").read_text())["engine"] == "polite"
    table = pd.read_parquet(folder / "scores.parquet")
    means = table.assign(red=table.prompt_id.str.startswith("red")).groupby("red")["value"].mean()
    assert means[True] > 0.98 > means[False]


def test_its_refusals_are_one_line(installed: Path, tmp_path: Path) -> None:
    for model, extra, said in (
        ("one-colour:pink", (), "the colour must be one of red, green, blue, yellow, not 'pink'"),
        ("one-colour", ("--set", "speed=2"), "one-colour has no setting 'speed'; it has: size, grain"),
    ):
        done = call(installed, tmp_path, "-m", "harness.run", "--model", model, "--bench", "colours", *extra)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert said in done.stderr
    assert not (tmp_path / "results").exists()
