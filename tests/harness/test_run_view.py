from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawbench.errors import InputError
from harness.run_view import RunView, spread
from harness.types import Failure, Score

MakeRun = Callable[..., Path]


def test_a_run_is_read_in_the_plans_order_with_every_status_counted(make_run: MakeRun) -> None:
    score = Score("align_conse", 0.2, 0.1, float("nan"), 3, "align_conse[x]", "higher", "bootstrap")
    run_dir = make_run(
        {"B": ["b one", "b two"], "A": ["a one", "a two"]},
        failures={"p001": Failure("black", "dark"), "p002": Failure("error", "broken")},
        unmade=["p003"],
        scores=[score],
        values={"p000": 0.25, "p002": float("nan")},
        reasons={"p000": "asked for a cat; saw one dog"},
        notices=("Another list.",),
    )
    run = RunView.load(run_dir)
    assert [(category, [p.text for p, _ in prompts]) for category, prompts in run.by_category()] == [
        ("B", ["b one", "b two"]),
        ("A", ["a one"]),
    ]
    assert run.counts == {
        "planned": 4,
        "ok": 1,
        "filtered": 0,
        "black": 1,
        "nan": 0,
        "wrong_size": 0,
        "error": 1,
        "missing": 1,
    }
    assert [s.prompt_id for s in run.failures] == ["p001", "p002"]
    assert run.notices == ("Another list.",)
    assert run.per_sample == {("p000", 0): {"align_conse": 0.25}}
    assert run.reasons == {("p000", 0): {"align_conse": "asked for a cat; saw one dog"}}
    assert run.scores[0].value == 0.2
    assert run.scores[0].high != run.scores[0].high


def test_a_run_that_is_still_going_can_be_read(make_run: MakeRun) -> None:
    run_dir = make_run({"A": ["one", "two"]}, unmade=["p001"], finished=False)
    with (run_dir / "ledger.jsonl").open("ab") as ledger:
        ledger.write(b'{"key":"torn')
    run = RunView.load(run_dir)
    assert (run.counts["ok"], run.counts["missing"], run.scores) == (1, 1, ())


def test_a_table_of_scores_without_reasons_is_read(make_run: MakeRun) -> None:
    run = RunView.load(make_run({"A": ["one"]}, values={"p000": 0.5}))
    assert (run.per_sample, run.reasons) == ({("p000", 0): {"align_conse": 0.5}}, {})


def test_a_picture_outside_the_run_folder_is_not_read(make_run: MakeRun, tmp_path: Path) -> None:
    run_dir = make_run({"A": ["one"]})
    shutil.copy(run_dir / "images/p000/0.png", tmp_path / "outside.png")
    ledger = run_dir / "ledger.jsonl"
    ledger.write_text(ledger.read_text().replace("images/p000/0.png", "../outside.png"))
    run = RunView.load(run_dir)
    assert run.samples[0].path == "../outside.png"
    assert run.picture(run.samples[0]) is None


def test_a_damaged_picture_is_none(make_run: MakeRun) -> None:
    run_dir = make_run({"A": ["one"]})
    picture = run_dir / "images/p000/0.png"
    picture.write_bytes(picture.read_bytes()[:60])
    run = RunView.load(run_dir)
    assert run.picture(run.samples[0]) is None


@pytest.mark.parametrize("name", ["manifest.json", "summary.json", "scores.parquet", "ledger.jsonl"])
def test_a_malformed_file_is_named(make_run: MakeRun, name: str) -> None:
    run_dir = make_run({"A": ["one"]}, values={"p000": 0.1})
    (run_dir / name).write_bytes(b"[nonsense\n")
    with pytest.raises(InputError, match=name):
        RunView.load(run_dir)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run folder"):
        RunView.load(tmp_path)


@given(st.lists(st.integers(0, 30), max_size=12), st.integers(0, 100))
def test_spread_shows_all_it_may_and_is_even(sizes: list[int], total: int) -> None:
    shown = spread(sizes, total)
    assert sum(shown) == min(total, sum(sizes))
    assert all(0 <= s <= size for s, size in zip(shown, sizes, strict=True))
    cut = [s for s, size in zip(shown, sizes, strict=True) if s < size]
    # Nobody who was cut has two fewer than anybody else.
    assert not cut or max(shown) <= min(cut) + 1
