"""`drawbench difference` on runs made and scored by the main command."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from drawbench.benches.scenes import load
from drawbench.scenes import render, scene_from_dict
from harness.cli import main
from harness.difference import Pairing
from harness.difference_table import pairs_line
from harness.run import main as run_main

Output = pytest.CaptureFixture[str]
REFERENCE = ["--reference", "scenes:n=12,size=64"]
COUNT = 24


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """True pictures of scenes ("right"), the same but for a third of them ("worse"), and variants."""
    root = tmp_path_factory.mktemp("difference")
    prompts = load(n=COUNT).prompts
    folders = {name: root / name for name in ("right", "worse", "failing")}
    for name, folder in folders.items():
        folder.mkdir()
        for i, prompt in enumerate(prompts):
            shown = prompts[(i + 1) % COUNT] if name == "worse" and i % 3 == 0 else prompt
            picture = render(scene_from_dict(shown.meta), 96, shown.meta["layout_seed"])
            if name == "failing" and i < 2:
                picture = np.zeros_like(picture)
            Image.fromarray(picture).save(folder / f"{prompt.id}.png")
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRAWBENCH_CACHE", str(root / "cache"))
        metrics = ["--metrics", "scenes_accuracy,fd_effnet_lite0", *REFERENCE, "--offline"]
        bench = ["--bench", f"scenes:n={COUNT}"]
        for name, folder in folders.items():
            out = root / "runs" / name
            assert run_main(["--model", f"folder:{folder}", *bench, *metrics, "--out", str(out)]) == 0
            (made[name],) = out.iterdir()
        for name, more in (("seed", ["--seed", "1"]), ("few", ["--limit", "6"])):
            out = root / "runs" / name
            command = ["--model", f"folder:{folders['right']}", *bench, "--metrics", "scenes_accuracy", *more]
            assert run_main([*command, "--out", str(out)]) == 0
            (made[name],) = out.iterdir()
    return {**made, "cache": root / "cache"}


@pytest.fixture(autouse=True)
def warm_cache(runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAWBENCH_CACHE", str(runs["cache"]))


def _json(capsys: Output, *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["difference", *arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def _rows(found: dict[str, Any]) -> dict[tuple[str, str | None], dict[str, Any]]:
    return {(row["metric"], row["category"]): row for row in found["rows"]}


def test_a_worse_model_is_found_worse_by_both_kinds_of_metric(runs: dict[str, Path], capsys: Output) -> None:
    found = _json(capsys, str(runs["right"]), str(runs["worse"]), *REFERENCE)
    rows = _rows(found)
    accuracy = rows["scenes_accuracy", None]
    tables = [pd.read_parquet(runs[name] / "scores.parquet") for name in ("right", "worse")]
    right, worse = (table[table["metric"] == "scenes_accuracy"]["value"].mean() for table in tables)
    expected = worse - right
    assert accuracy["difference"] == pytest.approx(expected, abs=1e-6)
    assert accuracy["high"] < 0
    assert accuracy["p"] < 0.02
    assert accuracy["p"] <= accuracy["p_holm"] <= 1
    assert (accuracy["pairs"], accuracy["prompts"]) == (COUNT, COUNT)
    assert {category for metric, category in rows if metric == "scenes_accuracy"} == {
        None,
        *(prompt.category for prompt in load(n=COUNT).prompts),
    }
    distance = rows["fd_effnet_lite0", None]
    summary = json.loads((runs["worse"] / "summary.json").read_text())
    score = next(s for s in summary["scores"] if s["metric"] == "fd_effnet_lite0")
    assert distance["b"] == pytest.approx(score["value"], rel=1e-6)
    assert distance["difference"] == pytest.approx(distance["b"] - distance["a"], rel=1e-4)
    assert distance["low"] < distance["difference"] < distance["high"]
    assert distance["high"] - distance["low"] < score["high"] - score["low"]  # what both share cancels
    assert found["skipped"] == []
    assert {field for field, *_ in found["differing"]} == {
        "model.identity.content_sha256",
        "model.identity.name",
    }


def test_the_other_way_round_is_the_opposite(runs: dict[str, Path], capsys: Output) -> None:
    forth = _json(capsys, str(runs["right"]), str(runs["worse"]), *REFERENCE)
    back = _json(capsys, str(runs["worse"]), str(runs["right"]), *REFERENCE)
    for row, opposite in zip(forth["rows"], back["rows"], strict=True):
        assert opposite["difference"] == pytest.approx(-row["difference"], rel=1e-5, abs=1e-9)
        assert opposite["low"] == pytest.approx(-row["high"], rel=1e-4, abs=1e-6)
        assert opposite["p"] == (row["p"] and pytest.approx(row["p"], rel=1e-4))


def test_a_run_does_not_differ_from_itself(runs: dict[str, Path], capsys: Output) -> None:
    found = _json(capsys, str(runs["right"]), str(runs["right"]), *REFERENCE)
    assert all(row["difference"] == 0 for row in found["rows"])
    assert all(row["p"] == (1 if row["prompts"] > 1 else None) for row in found["rows"])
    assert found["differing"] == []


def test_failed_samples_are_out_of_every_number_and_counted(runs: dict[str, Path], capsys: Output) -> None:
    found = _json(capsys, str(runs["right"]), str(runs["failing"]), *REFERENCE)
    assert found["pairing"]["pairs"] == COUNT - 2
    assert found["pairing"]["without_b"] == 2
    rows = _rows(found)
    for metric in ("scenes_accuracy", "fd_effnet_lite0"):
        assert rows[metric, None]["pairs"] == COUNT - 2
        assert rows[metric, None]["difference"] == pytest.approx(0, abs=1e-6)
    assert any("favours the run that fails more often" in note for note in found["notes"])


def test_people_get_a_table_with_what_must_be_said(
    runs: dict[str, Path], capsys: Output, tmp_path: Path
) -> None:
    plot = tmp_path / "forest.png"
    assert (
        main(["difference", str(runs["right"]), str(runs["failing"]), *REFERENCE, "--plot", str(plot)]) == 0
    )
    out = capsys.readouterr().out
    assert f"A  {runs['right'].name}" in out
    assert f"{COUNT} planned in both runs = {COUNT - 2} pairs + 2 without a picture in B" in out
    assert "scenes_accuracy ↑" in out
    assert "fd_effnet_lite0 ↓" in out
    assert "fd_effnet_lite0[efficientnet-lite0" in out
    assert "paired jackknife over 20 groups of 22 prompts" in out
    assert "Wilson of gains and losses over 22 prompts" in out
    assert "comparison finds 4 times in 5" in out
    assert Image.open(plot).size[0] > 500


def test_a_part_of_the_prompts_is_paired_with_the_same_part(runs: dict[str, Path], capsys: Output) -> None:
    found = _json(capsys, str(runs["right"]), str(runs["few"]))
    assert found["pairing"]["pairs"] == 6
    assert found["pairing"]["only_a"] == COUNT - 6
    assert found["skipped"] == [["fd_effnet_lite0", "B is not scored by it"]]
    line = pairs_line(Pairing((("p", 0),) * 6, only_a=18))
    assert line == "6 planned in both runs = 6 pairs; 18 planned in A alone"


def test_another_seed_is_not_comparable(runs: dict[str, Path], capsys: Output) -> None:
    capsys.readouterr()
    assert main(["difference", str(runs["right"]), str(runs["seed"])]) == 4
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "error: the runs are not comparable: run_seed is 0 in A and 1 in B\n"


def test_another_identity_is_not_comparable_unless_left_out(
    runs: dict[str, Path], capsys: Output, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(runs["worse"], other)
    metrics = ["--metrics", "scenes_accuracy,fd_effnet_lite0"]
    assert main(["score", str(other), *metrics, "--reference", "scenes:n=10,size=64"]) == 0
    capsys.readouterr()
    assert main(["difference", str(runs["right"]), str(other), *REFERENCE]) == 4
    error = capsys.readouterr().err
    assert "metric fd_effnet_lite0 is not comparable" in error
    assert "'ref_n=12' in A and 'ref_n=10' in B" in error
    assert error.count("\n") == 1
    found = _json(capsys, str(runs["right"]), str(other), "--metrics", "scenes_accuracy")
    assert {row["metric"] for row in found["rows"]} == {"scenes_accuracy"}


def test_another_reference_than_the_scores_is_left_out_or_refused(
    runs: dict[str, Path], capsys: Output
) -> None:
    others = [str(runs["right"]), str(runs["worse"]), "--reference", "scenes:n=10,size=64"]
    found = _json(capsys, *others)
    ((metric, why),) = found["skipped"]
    assert metric == "fd_effnet_lite0"
    assert "give the same --reference" in why
    assert main(["difference", *others, "--metrics", "fd_effnet_lite0"]) == 2
    assert "would now be fd_effnet_lite0[" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["{right}", "{cache}"], "is no run folder"),
        (
            ["{right}", "{worse}", "--metrics", "clip_score"],
            "is not scored by clip_score; score it: drawbench score",
        ),
        (["{right}", "{worse}", "--shared-seeds"], "needs runs with at least 2 samples a prompt"),
        (["{right}", "{worse}", "--plot", "no/such/folder.png"], "give a .png file in a folder that exists"),
        (["{right}", "{worse}", "--plot", "forest.svg"], "give a .png file"),
    ],
)
def test_mistakes_are_one_clear_line(
    runs: dict[str, Path], capsys: Output, arguments: list[str], told: str
) -> None:
    capsys.readouterr()
    assert main(["difference", *(argument.format(**runs) for argument in arguments)]) == 2
    captured = capsys.readouterr()
    assert told in captured.err
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_a_picture_that_changed_since_is_out_of_the_distance(
    runs: dict[str, Path], capsys: Output, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(runs["worse"], other)
    next((other / "images").glob("*/0.png")).write_bytes(b"rotten")
    found = _json(capsys, str(runs["right"]), str(other), *REFERENCE)
    assert _rows(found)["fd_effnet_lite0", None]["pairs"] == COUNT - 1
    assert "1 pairs are in no whole-set metric, as a picture of them cannot be read" in found["notes"]
