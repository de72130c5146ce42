"""Runs with their scores, on the weights that come as packages."""

import json
import re
from html import unescape
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from drawbench.benches.scenes import load
from drawbench.scenes import render, scene_from_dict
from harness import cli
from harness.run import main

Output = pytest.CaptureFixture[str]

PROMPTS = (
    "prompt,category\na red cube,Colors\na blue banana,Colors\nthree cats,Counting\nfour dogs,Counting\n"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DRAWBENCH_CACHE", str(tmp_path / "cache"))
    Path("p.csv").write_text(PROMPTS, encoding="utf-8")
    return tmp_path


def test_run_score_again_and_keep(folder: Path, capsys: Output) -> None:
    command = ["--model", "dummy", "--bench", "file:p.csv", "--samples-per-prompt", "2"]
    scored = [*command, "--metrics", "align_conse,fd_effnet_lite0", "--reference", "scenes:n=12,size=64"]
    assert main(scored) == 0
    out = capsys.readouterr().out
    (run,) = Path("results").iterdir()
    summary = json.loads((run / "summary.json").read_text())
    found = {(score["metric"], score["category"]): score for score in summary["scores"]}
    assert set(found) == {
        ("align_conse", None),
        ("align_conse", "Colors"),
        ("align_conse", "Counting"),
        ("fd_effnet_lite0", None),
    }
    assert all(score["n"] == (4 if category else 8) for (_, category), score in found.items())
    for score in found.values():
        assert score["identity"] in out
    table = pd.read_parquet(run / "scores.parquet")
    assert len(table) == 8
    ledger = (run / "ledger.jsonl").read_bytes()

    assert main([*command, "--no-score"]) == 0
    resumed = json.loads((run / "summary.json").read_text())
    assert resumed["scores"] == summary["scores"]
    assert resumed["stages"] == summary["stages"] != [], "a resume that made nothing tells what was done"

    capsys.readouterr()
    assert cli.main(["score", str(run), "--metrics", "align_conse", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["scores"] == [score for score in summary["scores"] if score["metric"] == "align_conse"]
    assert (run / "ledger.jsonl").read_bytes() == ledger

    (run / "images" / "p-0001" / "0.png").unlink()
    assert main([*command, "--no-score"]) == 0
    assert json.loads((run / "summary.json").read_text())["scores"] == []
    assert not (run / "scores.parquet").exists()


def test_a_run_on_scenes_is_judged_with_reasons(folder: Path, capsys: Output) -> None:
    Path("pictures").mkdir()
    for prompt in load(n=12).prompts:
        picture = render(scene_from_dict(prompt.meta), 128, prompt.meta["layout_seed"])
        Image.fromarray(picture).save(f"pictures/{prompt.id}.png")
    assert main(["--model", "folder:pictures", "--bench", "scenes:n=12", "--offline"]) == 0
    assert "scenes_accuracy" in capsys.readouterr().out
    (run,) = Path("results").iterdir()
    scores = json.loads((run / "summary.json").read_text())["scores"]
    overall = {score["metric"]: score["value"] for score in scores if score["category"] is None}
    assert overall["scenes_accuracy"] > 0.9
    assert overall["scenes_objects"] > 0.9
    assert overall["scenes_colours_strict"] > 0.9
    page = unescape((run / "report.html").read_text())
    told = pd.read_parquet(run / "scores.parquet").query("metric == 'scenes_accuracy'")["reason"]
    assert len(told) == 12
    assert all(re.search(rf'<span class="why"[^>]*>{re.escape(why)}</span>', page) for why in told)

    assert cli.main(["score", str(run), "--metrics", "scenes_colours", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)["scores"]
    assert again == [score for score in scores if score["metric"] == "scenes_colours"]


def test_scenes_metrics_need_scenes(folder: Path, capsys: Output) -> None:
    command = ["--model", "dummy", "--bench", "file:p.csv"]
    assert main([*command, "--metrics", "scenes_accuracy"]) == 2
    assert "only the bench scenes has them" in capsys.readouterr().err
    assert not Path("results").exists()


def test_nothing_to_score_is_said(folder: Path, capsys: Output) -> None:
    Path("pictures").mkdir()
    Path("pictures/p-0000.png").write_bytes(b"no picture")
    command = ["--model", "folder:pictures", "--bench", "file:p.csv", "--metrics", "align_conse"]
    assert main(command) == 1
    out = capsys.readouterr().out
    assert "4 planned = 0 ok + 4 error" in out
    assert "not computed: align_conse: there is no picture to score" in out
