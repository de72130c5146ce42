from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.progress import NoProgress
from harness.report.page import write_report
from harness.results_index import write_index
from harness.results_index.boards import boards, descriptions
from harness.results_index.history import Moment, history_svg
from harness.results_index.scan import scan
from harness.types import Failure, Score

MakeRun = Callable[..., Path]


def _score(value: float, identity: str = "m[x]", direction: str = "higher") -> Score:
    return Score("m", value, value - 0.1, value + 0.1, 2, identity, direction, "t")  # type: ignore[arg-type]


def _dated(run: Path, created: str) -> None:
    path = run / "manifest.json"
    path.write_text(
        json.dumps({**json.loads(path.read_text()), "created": created, "git_commit": "abc" * 13})
    )


def test_a_folder_of_runs_whole_unfinished_and_broken(make_run: MakeRun, tmp_path: Path) -> None:
    results = tmp_path / "results"
    write_report(make_run({"A": ["a cat"]}, scores=[_score(0.5)], name="results/done"))
    make_run({"A": ["a cat", "a dog"]}, unmade=["p001"], finished=False, name="results/deeper/begun")
    make_run({"A": ["a", "b"]}, failures={"p001": Failure("black", "dark")}, name="results/lossy")
    for name, content in (
        ("torn", "{"),
        ("foreign", '{"x": 1}'),
        ("future", '{"run_hash": "a", "schema": 99}'),
    ):
        (results / name).mkdir()
        (results / name / "manifest.json").write_text(content)
    (results / "no-manifest").mkdir()
    (results / "no-manifest" / "ledger.jsonl").write_text("")
    spoilt = make_run({"A": ["x"]}, scores=[_score(0.1)], name="results/spoilt")
    (spoilt / "summary.json").write_text('{"schema": 1, "scores": 7}')
    (results / "unrelated").mkdir()
    (results / "link").symlink_to(results / "done")
    listed, broken = scan(results, results, NoProgress())
    assert {run.folder for run in listed} == {"done", "deeper/begun", "lossy"}
    states = {run.folder: run.state for run in listed}
    assert states["done"] == ""
    assert states["deeper/begun"].startswith("1 of 2 samples not made yet; not finished")
    assert states["lossy"] == "1 of 2 samples failed"
    links = {run.folder: run.link for run in listed}
    assert links == {"done": "done/report.html", "deeper/begun": "deeper/begun/", "lossy": "lossy/"}
    reasons = {folder.folder: folder.reason for folder in broken}
    assert set(reasons) == {"torn", "foreign", "future", "no-manifest", "spoilt"}
    assert "schema 99" in reasons["future"]
    page = write_index(results).read_text()
    for name in reasons:
        assert f"<code>{name}</code>" in page
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])  # type: ignore[index]
    assert {run["folder"] for run in data} == set(links)


def test_only_equal_identities_on_equal_benches_share_a_board(make_run: MakeRun, tmp_path: Path) -> None:
    for name, score, text in (
        ("r/a", _score(0.4), "a cat"),
        ("r/b", _score(0.6), "a cat"),
        ("r/c", _score(0.9, "m[y]"), "a cat"),
        ("r/d", _score(0.8), "another bench"),
    ):
        make_run({"A": [text]}, scores=[score], settings={"name": name}, name=name)
    listed, _ = scan(tmp_path / "r", tmp_path / "r", NoProgress())
    found = boards(listed)
    assert sorted([line.run.folder for line in board.lines] for board in found) == [["b", "a"], ["c"], ["d"]]
    assert descriptions(listed)["a"] == "striped, name r/a"


def test_history_shows_runs_over_time_with_their_commits(make_run: MakeRun, tmp_path: Path) -> None:
    for day, value in ((1, 0.4), (2, 0.5), (3, 0.45)):
        run = make_run({"A": ["a cat"]}, scores=[_score(value)], name=f"r/{day}")
        _dated(run, f"2026-01-0{day}T12:00:00+00:00")
    listed, _ = scan(tmp_path / "r", tmp_path / "r", NoProgress())
    assert [run.folder for run in listed] == ["3", "2", "1"]
    (board,) = boards(listed)
    assert board.history.count('class="dot"') == 3
    assert board.history.count('class="series"') == 2
    assert "commit abcabcab" in board.history
    assert "2026-01-01 12:00" in board.history


@given(
    st.lists(
        st.tuples(st.integers(0, 10**8), st.floats(-1e6, 1e6), st.floats(0, 10), st.text(max_size=8)),
        min_size=1,
        max_size=8,
    )
)
def test_any_history_is_a_drawing_within_its_bounds(told: list[tuple[int, float, float, str]]) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    moments = [
        Moment(start + timedelta(seconds=s), value, value - half, value + half, f'{name}<&"', "c<>")
        for s, value, half, name in told
        if all(c.isprintable() for c in name)
    ]
    if not moments:
        return
    drawing = ElementTree.fromstring(
        history_svg(moments, 'a "label" <b>').replace("<svg ", "<svg xmlns:x='x' ", 1)
    )
    dots = drawing.findall("circle")
    assert len(dots) == len(moments)
    for dot in dots:
        assert 0 <= float(dot.attrib["cx"].rstrip("%")) <= 100
        assert 0 <= float(dot.attrib["cy"]) <= 210


def test_markup_in_run_folders_stays_text(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(
        {"<i>": ["</script><script>alert(1)</script>"]},
        scores=[_score(0.5, "m[</script><b>]")],
        settings={"<b>x</b>": "</script>"},
        notices=("<b>notice</b>",),
        name="results/<i>",
    )
    _dated(run, "<b>today</b>")
    page = write_index(tmp_path / "results").read_text()
    assert page.count("<script") == 2
    assert page.count("</script>") == 2
    assert "<b>" not in page
    assert "<i>" not in page


def test_an_empty_folder_has_an_empty_index(tmp_path: Path) -> None:
    assert "There is no run that can be read." in write_index(tmp_path).read_text()


@pytest.mark.parametrize("runs", [1, 12])
def test_an_index_stays_small(make_run: MakeRun, tmp_path: Path, runs: int) -> None:
    for number in range(runs):
        make_run({"A": ["a cat"], "B": ["b"]}, scores=[_score(0.5)], size=(300, 200), name=f"r/{number}")
    page = write_index(tmp_path / "r")
    assert page.read_text().count("<img ") == 2 * runs
    assert page.stat().st_size < 40_000 + 12_000 * runs
