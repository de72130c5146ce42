"""`drawbench verify`: what holds is called so, and every kind of tampering is named."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from harness import cli
from harness.extractors.effnet import preprocess
from harness.run import main

Output = pytest.CaptureFixture[str]
Tamper = Callable[[Path], None]

PROMPTS = "prompt,category\na red cube,Colors\na blue banana,Colors\nthree cats,Counting\n"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("p.csv").write_text(PROMPTS, encoding="utf-8")
    command = ["--model", "dummy", "--bench", "file:p.csv", "--samples-per-prompt", "2"]
    assert main([*command, "--metrics", "align_conse"]) == 0
    capsys.readouterr()
    (folder,) = Path("results").iterdir()
    return folder


def _verdicts(run: Path, capsys: Output, *flags: str) -> tuple[int, dict[str, str]]:
    capsys.readouterr()
    status = cli.main(["verify", str(run), "--json", *flags])
    found = json.loads(capsys.readouterr().out)
    return status, {one["check"]: one["verdict"] for one in found}


def test_an_honest_run_holds_in_every_part_and_nothing_is_written(run: Path, capsys: Output) -> None:
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    status, verdicts = _verdicts(run, capsys, "--share", "1")
    assert status == 0
    assert set(verdicts.values()) == {"holds"}
    assert len(verdicts) == 8
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    assert cli.main(["verify", str(run), "--share", "0"]) == 0
    assert capsys.readouterr().out.endswith("the run holds\n")


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def _swap_pictures(run: Path) -> None:
    first, second = sorted(run.glob("images/*/0.png"))[:2]
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)


def _better_value(run: Path) -> None:
    table = pd.read_parquet(run / "scores.parquet")
    table.loc[0, "value"] = 99.0
    table.to_parquet(run / "scores.parquet")


def _better_summary(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text())
    summary["scores"][0]["value"] += 1
    (run / "summary.json").write_text(json.dumps(summary))


def _hidden_failure(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text())
    summary["counts"]["ok"] -= 1
    (run / "summary.json").write_text(json.dumps(summary))


def _chosen_seed(run: Path) -> None:
    lines = (run / "ledger.jsonl").read_text().splitlines()
    first = json.loads(lines[0])
    first["seed"] += 1
    (run / "ledger.jsonl").write_text("\n".join([json.dumps(first), *lines[1:]]) + "\n")


TAMPERINGS: dict[str, tuple[Tamper, set[str]]] = {
    "prompt": (lambda run: _edit(run / "manifest.json", "a red cube", "a red ball"), {"prompts", "ledger"}),
    "settings": (
        lambda run: _edit(run / "manifest.json", '"guidance_scale": 1.0', '"guidance_scale": 2.0'),
        {"configuration", "ledger", "summary"},
    ),
    "swapped pictures": (_swap_pictures, {"pictures"}),
    "seed": (_chosen_seed, {"ledger"}),
    "value": (_better_value, {"scores"}),
    "mean": (_better_summary, {"scores"}),
    "count": (_hidden_failure, {"summary"}),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampering_is_found_where_it_was_done(run: Path, capsys: Output, name: str) -> None:
    tamper, expected = TAMPERINGS[name]
    tamper(run)
    status, verdicts = _verdicts(run, capsys, "--share", "0")
    assert status == 1
    assert {check for check, verdict in verdicts.items() if verdict == "fails"} == expected


def test_a_picture_made_by_another_hand_is_found_though_its_hash_is_in_the_ledger(
    run: Path, capsys: Output
) -> None:
    """The ledger was forged along with the picture: only drawing again can tell."""
    import hashlib

    first, second = sorted(run.glob("images/*/0.png"))[:2]
    old = hashlib.sha256(first.read_bytes()).hexdigest()
    first.write_bytes(second.read_bytes())
    _edit(run / "ledger.jsonl", old, hashlib.sha256(second.read_bytes()).hexdigest())
    status, verdicts = _verdicts(run, capsys, "--share", "1")
    assert status == 1
    assert {check for check, verdict in verdicts.items() if verdict == "fails"} == {
        "features",
        "pictures drawn again",
    }


def _consistent_lie(run: Path) -> None:
    """Better values in the table, and in the summary the means that follow from them."""
    table = pd.read_parquet(run / "scores.parquet")
    table["value"] += 0.25
    table.to_parquet(run / "scores.parquet")
    summary = json.loads((run / "summary.json").read_text())
    for score in summary["scores"]:
        for name in ("value", "low", "high"):
            score[name] += 0.25
    (run / "summary.json").write_text(json.dumps(summary))


def test_values_that_were_replaced_in_table_and_summary_alike_are_found(run: Path, capsys: Output) -> None:
    _consistent_lie(run)
    assert _verdicts(run, capsys, "--share", "0")[0] == 0  # the folder is at one with itself
    assert cli.main(["verify", str(run), "--share", "0.1"]) == 1
    out = capsys.readouterr().out
    assert "align_conse is" in out
    assert "does not hold: features\n" in out


def test_features_in_the_cache_that_are_not_the_pictures_are_found(
    run: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run is scored from a cache that has the negatives' features under the pictures' sha256."""
    monkeypatch.setenv("DRAWBENCH_CACHE", str(run.parent / "altered"))
    command = ["--model", "dummy", "--bench", "file:p.csv", "--metrics", "align_conse", "--out", "other"]
    with monkeypatch.context() as patch:
        patch.setattr("harness.extractors.effnet.preprocess", lambda image: preprocess(255 - image))
        assert main(command) == 0
    (other,) = Path("other").iterdir()
    status, verdicts = _verdicts(other, capsys, "--share", "1")
    assert status == 1
    assert [check for check, verdict in verdicts.items() if verdict == "fails"] == ["features"]


def test_without_the_networks_weights_values_are_unchecked_not_failed(run: Path, capsys: Output) -> None:
    table = pd.read_parquet(run / "scores.parquet").replace({"metric": {"align_conse": "clip_score"}})
    table.to_parquet(run / "scores.parquet")
    summary = json.loads((run / "summary.json").read_text())
    for score in summary["scores"]:
        score["metric"] = "clip_score"
    (run / "summary.json").write_text(json.dumps(summary))
    status, verdicts = _verdicts(run, capsys)
    assert (status, verdicts["features"]) == (0, "unchecked")
    assert cli.main(["verify", str(run)]) == 0
    assert "metric clip_score cannot be computed" in capsys.readouterr().out


def test_a_model_that_is_not_here_is_unchecked_not_failed(run: Path, capsys: Output) -> None:
    _edit(run / "manifest.json", '"spec": "dummy"', '"spec": "gone.away:Model"')
    status, verdicts = _verdicts(run, capsys)
    assert status == 0
    assert verdicts["pictures drawn again"] == "unchecked"


def test_part_of_a_bench_is_held_against_the_bench_itself(run: Path, capsys: Output) -> None:
    command = ["--model", "dummy", "--bench", "file:p.csv", "--limit", "2", "--no-score"]
    assert main(command) == 0
    part = next(folder for folder in Path("results").iterdir() if "limit2" in folder.name)
    assert _verdicts(part, capsys)[1]["prompts"] == "holds"
    _edit(part / "manifest.json", "a red cube", "a red ball")
    assert _verdicts(part, capsys)[1]["prompts"] == "fails"
    Path("p.csv").unlink()
    assert _verdicts(part, capsys)[1]["prompts"] == "unchecked"


def test_a_folder_that_is_no_run_is_one_line(tmp_path: Path, capsys: Output) -> None:
    assert cli.main(["verify", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("error: ")
