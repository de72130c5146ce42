import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawbench.errors import InputError
from harness.cli import main
from harness.ledger import LEDGER_NAME, read_ledger
from harness.shard import Shard, parse_shard

Output = pytest.CaptureFixture[str]
Draw = Callable[..., Path]


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    """Draws a run, or a shard of it, with scores left out; returns its folder."""
    (tmp_path / "prompts.txt").write_text("".join(f"a {colour} thing\n" for colour in "abcdefg"))

    def run(out: str, *more: str) -> Path:
        model = ["run", "--model", "dummy", "--set", "size=16", "--bench", f"file:{tmp_path / 'prompts.txt'}"]
        before = set((tmp_path / out).glob("*"))
        arguments = [*model, "--samples-per-prompt", "3", "--no-score", "--out", str(tmp_path / out), *more]
        assert main(arguments) == 0
        (made,) = set((tmp_path / out).glob("*")) - before
        return made

    return run


def pictures(run: Path) -> dict[str, bytes]:
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in run.glob("images/*/*.png")}


def timeless(run: Path) -> list[object]:
    """The ledger, in its order, without how long things took."""
    return [replace(sample, seconds=None) for sample in read_ledger(run)]


@given(st.integers(0, 60), st.integers(1, 9))
def test_shards_share_out_all_samples(samples: int, count: int) -> None:
    sizes = [Shard(number, count).size(samples) for number in range(1, count + 1)]
    assert sum(sizes) == samples
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("text", ["", "1", "0/3", "4/3", "1/0", "-1/3", "1/3/5", "a/b", "1 / 3", "²/3"])
def test_what_is_no_shard(text: str) -> None:
    with pytest.raises(InputError, match="give it as i/n"):
        parse_shard(text)


@pytest.mark.parametrize("count", [2, 5])
def test_merged_shards_are_the_whole_run(draw: Draw, tmp_path: Path, capsys: Output, count: int) -> None:
    whole = draw("whole")
    shards = [draw("shards", "--shard", f"{number}/{count}") for number in range(1, count + 1)]
    assert all(0 < len(pictures(shard)) < 21 for shard in shards)
    capsys.readouterr()
    assert main(["merge", *map(str, reversed(shards)), "--out", str(tmp_path / "merged"), "--no-score"]) == 0
    out = capsys.readouterr().out
    assert f"{count} runs merged: 21 of 21 samples, 0 overlapping, 0 missing" in out
    assert "21 planned = 21 ok" in out
    merged = tmp_path / "merged"
    assert pictures(merged) == pictures(whole)
    assert timeless(merged) == timeless(whole)
    manifests = [json.loads((run / "manifest.json").read_text()) for run in (merged, whole)]
    assert len(manifests[0].pop("merged")) == count
    for session in ("created", "command"):
        assert manifests[0].pop(session)
        manifests[1].pop(session)
    assert manifests[0] == manifests[1]
    summaries = [json.loads((run / "summary.json").read_text()) for run in (merged, whole)]
    assert summaries[0]["counts"] == summaries[1]["counts"]
    before = (merged / LEDGER_NAME).read_bytes()
    (tmp_path / "taken-up").mkdir()
    merged.rename(tmp_path / "taken-up" / "run")
    model = ["run", "--model", "dummy", "--set", "size=16", "--bench", f"file:{tmp_path / 'prompts.txt'}"]
    again = [*model, "--samples-per-prompt", "3", "--no-score", "--out", str(tmp_path / "taken-up/run")]
    assert main(again) == 0, "the whole run's command takes a merged run for its own"
    assert (tmp_path / "taken-up/run" / LEDGER_NAME).read_bytes() == before


def test_merging_scores_as_the_whole_run_does(draw: Draw, tmp_path: Path, capsys: Output) -> None:
    scenes = ["run", "--model", "dummy", "--bench", "scenes:n=6", "--metrics", "scenes_accuracy"]
    assert main([*scenes, "--out", str(tmp_path / "whole")]) == 0
    for number in (1, 2):
        assert main([*scenes, "--out", str(tmp_path / "shards"), "--shard", f"{number}/2"]) == 0
    shards = sorted((tmp_path / "shards").iterdir())
    assert all(json.loads((run / "summary.json").read_text())["scores"] == [] for run in shards)
    metrics = ["--metrics", "scenes_accuracy"]
    assert main(["merge", *map(str, shards), "--out", str(tmp_path / "merged"), *metrics]) == 0
    (whole,) = (tmp_path / "whole").iterdir()
    wanted, got = (json.loads((run / "summary.json").read_text()) for run in (whole, tmp_path / "merged"))
    assert wanted["scores"]
    assert got["scores"] == wanted["scores"]


def test_failures_and_their_rounds_keep_their_order(draw: Draw, tmp_path: Path) -> None:
    """A folder lacks pictures; under regenerate every failure has four lines."""
    source = tmp_path / "source"
    for number in (0, 3, 5):
        (source / f"{number}").mkdir(parents=True)
        run = draw(f"made{number}")
        name = sorted(pictures(run))[0]
        for prompt in sorted({path.split("/")[1] for path in pictures(run)})[number : number + 1]:
            (source / prompt).mkdir(exist_ok=True)
            (source / prompt / "0.png").write_bytes(pictures(run)[name])
    prompts = ["--bench", f"file:{tmp_path / 'prompts.txt'}", "--samples-per-prompt", "2", "--no-score"]
    model = ["run", "--model", f"folder:{source}", *prompts, "--on-failure", "regenerate"]
    assert main([*model, "--out", str(tmp_path / "whole")]) == 0
    for number in (1, 2, 3):
        assert main([*model, "--out", str(tmp_path / "shards"), "--shard", f"{number}/3"]) in (0, 1)
    shards = sorted((tmp_path / "shards").iterdir())
    assert main(["merge", *map(str, shards), "--out", str(tmp_path / "merged"), "--no-score"]) == 0
    (whole,) = (tmp_path / "whole").iterdir()
    assert len(timeless(whole)) > 14
    assert timeless(tmp_path / "merged") == timeless(whole)


def test_what_is_missing_doubled_or_damaged_is_counted(draw: Draw, tmp_path: Path, capsys: Output) -> None:
    one, two = (draw("shards", "--shard", f"{number}/3") for number in (1, 2))
    whole = draw("whole")
    damaged = sorted(two.glob("images/*/*.png"))[0]
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    assert main(["merge", str(one), str(two), "--out", str(tmp_path / "a"), "--no-score"]) == 1
    said = capsys.readouterr().out
    assert "13 of 21 samples, 0 overlapping, 8 missing, 1 of them with a damaged picture" in said
    assert "21 planned = 13 ok + 8 missing" in said
    assert main(["merge", str(one), str(whole), "--out", str(tmp_path / "b"), "--no-score"]) == 0
    assert "21 of 21 samples, 7 overlapping, 0 missing" in capsys.readouterr().out
    assert main(["merge", str(one), str(two), str(whole), "--out", str(tmp_path / "a"), "--no-score"]) == 0
    assert pictures(tmp_path / "a") == pictures(whole), "what was missing is filled by a later call"


def test_runs_that_do_not_belong_together(draw: Draw, tmp_path: Path, capsys: Output) -> None:
    one = draw("shards", "--shard", "1/2")
    other = draw("shards", "--shard", "2/2", "--guidance-scale", "3")
    capsys.readouterr()
    out = ["--out", str(tmp_path / "merged")]
    assert main(["merge", str(one), str(other), *out]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "settings.guidance_scale is 1.0 in the first and 3.0 in the other" in said
    assert not (tmp_path / "merged").exists()
    assert main(["merge", str(one), "--out", str(one)]) == 2
    assert "is one of the runs to merge" in capsys.readouterr().err
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/a.txt").write_text("mine")
    assert main(["merge", str(one), "--out", str(tmp_path / "notes")]) == 2
    assert "is no run folder" in capsys.readouterr().err
    assert main(["merge", str(tmp_path / "notes"), *out]) == 2
    assert "it has no manifest.json" in capsys.readouterr().err
    assert main(["run", "--model", "dummy", "--bench", "drawbench-open", "--shard", "3/2"]) == 2
    assert "--shard '3/2': give it as i/n" in capsys.readouterr().err


def test_different_pictures_of_one_sample(draw: Draw, tmp_path: Path, capsys: Output) -> None:
    one, whole = draw("shards", "--shard", "1/2"), draw("whole")
    ledger = whole / LEDGER_NAME
    sample = read_ledger(one)[0]
    ledger.write_text(ledger.read_text().replace(str(sample.sha256), "0" * 64))
    assert main(["merge", str(one), str(whole), "--out", str(tmp_path / "merged")]) == 2
    assert f"have different pictures of prompt {sample.prompt_id}, index 0" in capsys.readouterr().err
