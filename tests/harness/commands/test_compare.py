"""`drawbench compare` and `drawbench baseline` on runs made and scored by the main command."""

from __future__ import annotations

import html
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from drawbench.benches.scenes import load
from drawbench.scenes import render, scene_from_dict
from harness.cli import main
from harness.regression.write import FILES
from harness.run import main as run_main

Output = pytest.CaptureFixture[str]
REFERENCE = ["--reference", "scenes:n=12,size=64"]
COUNT = 36


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Runs of true pictures but for every ninth ("right"), of wrong ones, of black ones, and of others."""
    root = tmp_path_factory.mktemp("compare")
    prompts = load(n=COUNT).prompts
    wrong = {"right": 9, "worse": 2}
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRAWBENCH_CACHE", str(root / "cache"))

        def run(name: str, pictures: str, *flags: str) -> None:
            out = root / "runs" / name
            command = ["--model", f"folder:{root / pictures}", *flags, "--offline", "--out", str(out)]
            assert run_main([*command, *([] if "--metrics" in flags else ["--metrics", METRICS])]) == 0
            (made[name],) = out.iterdir()

        for name in ("right", "worse", "black", "none"):
            (root / name).mkdir()
            for i, prompt in enumerate(prompts):
                other = i % wrong.get(name, 9) == 0
                shown = prompts[(i + 1) % COUNT] if other else prompt
                picture = render(scene_from_dict(shown.meta), 64, shown.meta["layout_seed"])
                if (name == "black" and i < COUNT // 2) or name == "none":
                    picture = np.zeros_like(picture)
                Image.fromarray(picture).save(root / name / f"{prompt.id}.png")
        bench = ["--bench", f"scenes:n={COUNT}", *REFERENCE]
        for name in ("right", "worse", "black"):
            run(name, name, *bench)
        assert (
            run_main(["--model", f"folder:{root / 'none'}", *bench, "--offline", "--out", str(root / "x")])
            == 1
        )
        (made["none"],) = (root / "x").iterdir()
        for seed in (1, 2):
            run(f"seed{seed}", "right", *bench, "--seed", str(seed))
        run("other_reference", "right", "--bench", f"scenes:n={COUNT}", "--reference", "scenes:n=13,size=64")
        run("other_bench", "right", "--bench", f"scenes:n={COUNT - 1}", *REFERENCE)
    return {**made, "cache": root / "cache"}


METRICS = "scenes_accuracy,fd_effnet_lite0"


@pytest.fixture(autouse=True)
def warm_cache(runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAWBENCH_CACHE", str(runs["cache"]))


def _compare(capsys: Output, *arguments: object, status: int) -> dict[str, Any]:
    capsys.readouterr()
    found = main(["compare", *map(str, arguments), "--json"])
    printed = capsys.readouterr()
    assert found == status, printed.err
    entry: dict[str, Any] = json.loads(printed.out)
    assert entry["exit_status"] == status
    return entry


def test_a_worse_candidate_is_a_regression_in_every_file(
    runs: dict[str, Path], tmp_path: Path, capsys: Output
) -> None:
    entry = _compare(capsys, runs["right"], runs["worse"], "--out", tmp_path / "out", status=1)
    assert entry["outcome"] == "regression"
    rows = {(row["metric"], row["category"]): row for row in entry["rows"]}
    accuracy = rows["scenes_accuracy", None]
    tables = [pd.read_parquet(runs[name] / "scores.parquet") for name in ("right", "worse")]
    means = [t[t["metric"] == "scenes_accuracy"]["value"].mean() for t in tables]
    assert accuracy["gain"] == pytest.approx(means[1] - means[0], rel=1e-5)
    assert accuracy["outcome"] == "regression"
    assert ("fd_effnet_lite0", None) in rows
    for name in FILES:
        assert (tmp_path / "out" / name).stat().st_size > 200
    stored = json.loads((tmp_path / "out" / "verdict.json").read_text())
    assert {k: v for k, v in stored.items() if k != "date"} == {k: v for k, v in entry.items() if k != "date"}
    assert len(entry["worst"]) == 3
    page = html.unescape((tmp_path / "out" / "verdict.html").read_text())
    for worst in entry["worst"]:
        assert worst["text"] in page
        for path in worst["pictures"].values():
            with Image.open(tmp_path / "out" / path) as picture:
                assert picture.size == (64, 64)
        sides = [(tmp_path / "out" / path).read_bytes() for path in worst["pictures"].values()]
        assert sides[1] == (runs["worse"] / "images" / worst["prompt_id"] / "0.png").read_bytes()
    assert page.count("data:image/webp") == 6
    assert "http" not in page.replace("http-equiv", "")


def test_a_run_passes_beside_itself_and_its_better_is_no_regression(
    runs: dict[str, Path], capsys: Output
) -> None:
    assert _compare(capsys, runs["right"], runs["right"], status=0)["outcome"] == "pass"
    better = _compare(capsys, runs["worse"], runs["right"], "--metrics", "scenes_accuracy", status=0)
    assert better["outcome"] == "improved"


def test_margins_and_metrics_are_the_users(runs: dict[str, Path], capsys: Output) -> None:
    wide = ["--metrics", "scenes_accuracy", "--margin", "scenes_accuracy=0.9"]
    assert _compare(capsys, runs["right"], runs["worse"], *wide, status=0)["outcome"] == "pass"
    relative = ["--metrics", "scenes_accuracy", "--margin", "scenes_accuracy=1%"]
    entry = _compare(capsys, runs["right"], runs["worse"], *relative, status=1)
    row = next(r for r in entry["rows"] if r["metric"] == "scenes_accuracy" and r["category"] is None)
    assert row["margin"] == pytest.approx(row["a"] / 100, rel=1e-5)


def test_more_failures_are_a_regression_of_their_own(runs: dict[str, Path], capsys: Output) -> None:
    entry = _compare(capsys, runs["right"], runs["black"], status=1)
    row = next(row for row in entry["rows"] if row["metric"] == "failed_samples")
    assert (row["outcome"], row["a"], row["b"]) == ("regression", 0.0, 0.5)
    assert entry["worst"][0]["failed"].startswith("black")
    assert _compare(capsys, runs["right"], runs["none"], status=1)["outcome"] == "regression"


@pytest.mark.parametrize(("policy", "status"), [("exit", 3), ("fail", 1), ("warn", 0), ("pass", 0)])
def test_inconclusive_is_what_the_user_says(
    runs: dict[str, Path], capsys: Output, policy: str, status: int
) -> None:
    flags = ["--metrics", "scenes_accuracy", "--margin", "scenes_accuracy=0.36", f"--inconclusive={policy}"]
    entry = _compare(capsys, runs["right"], runs["worse"], *flags, status=status)
    assert entry["outcome"] == "inconclusive"


def test_other_seeds_are_compared_when_asked_for(runs: dict[str, Path], capsys: Output) -> None:
    refused = _compare(capsys, runs["right"], runs["seed1"], status=4)
    assert refused["field"] == "run_seed"
    entry = _compare(capsys, runs["right"], runs["seed1"], "--seeds", "differ", status=0)
    assert any("share the prompt, not the noise" in note for note in entry["notes"])


def test_repeats_must_be_repeats(runs: dict[str, Path], capsys: Output) -> None:
    one = ["--repeats", runs["seed1"]]
    assert main(["compare", str(runs["right"]), str(runs["worse"]), *map(str, one)]) == 2
    assert "at least 2" in capsys.readouterr().err
    two = [*one, "--repeats", runs["seed2"]]
    assert main(["compare", str(runs["right"]), str(runs["worse"]), *map(str, two)]) == 2
    assert "same pictures" in capsys.readouterr().err  # of a folder, whatever the seed
    foreign = ["--repeats", runs["worse"], "--repeats", runs["seed1"]]
    assert _compare(capsys, runs["right"], runs["worse"], *foreign, status=4)["field"].startswith(
        "model.identity"
    )


def _flip_a_picture(run: Path) -> None:
    path = next((run / "images").rglob("*.png"))
    Image.new("RGB", (64, 64), "red").save(path)


def _cut_the_ledger(run: Path) -> None:
    path = run / "ledger.jsonl"
    path.write_bytes(path.read_bytes()[:-200])


def _raise_a_score(run: Path) -> None:
    table = pd.read_parquet(run / "scores.parquet")
    table.loc[table["metric"] == "scenes_accuracy", "value"] = 1.0
    table.to_parquet(run / "scores.parquet", index=False)


def _edit(name: str, change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def edit(run: Path) -> None:
        entry = json.loads((run / name).read_text())
        change(entry)
        (run / name).write_text(json.dumps(entry))

    return edit


def _foreign_scores(run: Path) -> None:
    table = pd.read_parquet(run / "scores.parquet")
    table["key"] = "0" * 64
    table.to_parquet(run / "scores.parquet", index=False)


@pytest.mark.parametrize(
    ("field", "damage"),
    [
        ("images", _flip_a_picture),
        ("ledger.jsonl", _cut_the_ledger),
        ("scores.parquet", _raise_a_score),
        ("scores.parquet", _foreign_scores),
        ("scores.parquet", lambda run: (run / "scores.parquet").write_bytes(b"PAR1")),
        ("summary.json", lambda run: (run / "summary.json").unlink()),
        ("summary.json", _edit("summary.json", lambda e: e["counts"].update(ok=3))),
        ("manifest.json", lambda run: (run / "manifest.json").write_text('{"schema": 1')),
        ("run_hash", _edit("manifest.json", lambda e: e["settings"].update(guidance_scale=9))),
        ("bench.prompts", _edit("manifest.json", lambda e: e["bench"]["prompts"][0].update(text="another"))),
        ("images", lambda run: shutil.rmtree(run / "images")),
    ],
)
def test_damaged_runs_are_not_comparable_and_the_field_is_named(
    runs: dict[str, Path], tmp_path: Path, capsys: Output, field: str, damage: Callable[[Path], None]
) -> None:
    torn = tmp_path / "torn"
    shutil.copytree(runs["right"], torn)
    damage(torn)
    for side, sides in (("candidate", (runs["right"], torn)), ("baseline", (torn, runs["right"]))):
        entry = _compare(capsys, *sides, "--out", tmp_path / "out", status=4)
        assert entry["outcome"] == "not comparable"
        assert entry["field"] == f"{side}: {field}"
    suite = ElementTree.parse(tmp_path / "out" / "verdict.xml").getroot().find("testsuite")
    assert suite is not None
    assert suite.get("errors") == "1"
    assert field in (tmp_path / "out" / "comment.md").read_text().replace("\\", "")


@pytest.mark.parametrize(
    ("name", "field"),
    [("other_bench", "bench.digest"), ("other_reference", "identity of fd_effnet_lite0")],
)
def test_foreign_runs_are_not_comparable(
    runs: dict[str, Path], capsys: Output, name: str, field: str
) -> None:
    entry = _compare(capsys, runs["right"], runs[name], status=4)
    assert entry["field"] == field


def test_a_kept_baseline_gives_the_same_numbers_as_its_run(
    runs: dict[str, Path], tmp_path: Path, capsys: Output
) -> None:
    registry = ["--registry", str(tmp_path / "baselines")]
    moved = tmp_path / "moved"
    shutil.copytree(runs["right"], moved)
    assert main(["baseline", "add", "release", str(moved), *registry, "--note", "the first"]) == 0
    shutil.rmtree(moved)
    size = sum(path.stat().st_size for path in (tmp_path / "baselines").rglob("*") if path.is_file())
    assert size < 1_500_000
    direct = _compare(capsys, runs["right"], runs["worse"], status=1)
    out = ["--out", tmp_path / "out", "--record"]
    kept = _compare(capsys, runs["worse"], "--baseline", "registry:release", *registry, *out, status=1)
    assert kept["rows"] == direct["rows"]
    assert [w["prompt_id"] for w in kept["worst"]] == [w["prompt_id"] for w in direct["worst"]]
    assert kept["worst"][0]["pictures"]["baseline"].endswith("-baseline.webp")
    assert _compare(capsys, "registry:release", runs["worse"], *registry, status=1)["rows"] == direct["rows"]

    assert main(["baseline", "add", "release", str(runs["right"]), *registry]) == 2
    assert "promote" in capsys.readouterr().err
    assert main(["baseline", "promote", "release", str(runs["worse"]), *registry]) == 0
    assert _compare(capsys, "registry:release", runs["worse"], *registry, status=0)["outcome"] == "pass"
    assert main(["baseline", "show", "release", *registry, "--json"]) == 0
    events = json.loads(capsys.readouterr().out)
    assert main(["baseline", "show", "release", *registry]) == 0
    shown = capsys.readouterr().out
    assert [event["kind"] for event in events] == ["add", "compare", "promote"]
    assert [event["outcome"] for event in events] == [None, "regression", None]
    assert "the first" in shown
    assert main(["baseline", "ls", *registry]) == 0
    assert "(3 events)" in capsys.readouterr().out
    assert main(["baseline", "plot", "release", *registry, "--out", str(tmp_path / "trend.png")]) == 0
    with Image.open(tmp_path / "trend.png") as picture:
        assert picture.width > 900
    ElementTree.parse(tmp_path / "trend.svg")


def test_an_altered_baseline_is_not_comparable(runs: dict[str, Path], tmp_path: Path, capsys: Output) -> None:
    registry = ["--registry", str(tmp_path / "baselines")]
    assert main(["baseline", "add", "release", str(runs["right"]), *registry]) == 0
    (entry,) = (path for path in (tmp_path / "baselines" / "release").iterdir() if path.is_dir())
    table = pd.read_parquet(entry / "scores.parquet")
    table.loc[0, "value"] = 0.5
    table.to_parquet(entry / "scores.parquet", index=False)
    found = _compare(capsys, "registry:release", runs["worse"], *registry, status=4)
    assert found["field"] == "baseline: scores.parquet"
    history = tmp_path / "baselines" / "release" / "history.jsonl"
    history.write_text(history.read_text().replace('"kind": "add"', '"kind": "promote"'))
    assert main(["compare", "registry:release", str(runs["worse"]), *registry]) == 2
    assert "line 1: it was altered" in capsys.readouterr().err


def test_the_plan_says_what_can_be_found(runs: dict[str, Path], capsys: Output) -> None:
    capsys.readouterr()
    assert main(["compare", "--plan", str(runs["right"]), "--json"]) == 0
    rows = {(r["metric"], r["category"]): r for r in json.loads(capsys.readouterr().out)["rows"]}
    row = rows["scenes_accuracy", None]
    assert row["margin"] < row["detectable_80"] < row["detectable_95"] < 1
    assert row["prompts_to_pass"] > COUNT
    assert ("fd_effnet_lite0", None) in rows
    assert main(["compare", "--plan", str(runs["right"])]) == 0
    assert "found 95%" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere", "nowhere"], "nowhere"),
        (["{right}"], "give BASELINE and CANDIDATE"),
        (["{right}", "{worse}", "--margin", "fid"], "--margin"),
        (["{right}", "{worse}", "--margin", "fid=1"], "which is not compared"),
        (["{right}", "{worse}", "--metrics", "pick_score"], "not scored by pick_score"),
        (["{right}", "--baseline", "registry:none"], "no baseline"),
        (["{right}", "--baseline", "registry:../x"], "no baseline's name"),
        (["{right}", "{worse}", "--record"], "named baseline"),
        (["{right}", "--plan", "{right}"], "leave out"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    runs: dict[str, Path], capsys: Output, tmp_path: Path, arguments: list[str], said: str
) -> None:
    given = [word.format(**runs) for word in arguments]
    assert main(["compare", *given, "--registry", str(tmp_path / "registry")]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ")
    assert said in error
    assert not (tmp_path / "registry").exists()
