"""`drawbench report` on runs of the store: what it writes, and what it refuses before it writes anything."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pair_of_runs import make_scored

from harness.cli import main

MakeRun = Callable[..., Path]
Output = pytest.CaptureFixture[str]
ESTIMATE = {
    "question": "fidelity <b>",
    "model_a": "mine",
    "model_b": "yours",
    "quantity": "net",
    "scope": "pooled",
    "category": "",
    "value": 12.0,
    "low": 2.0,
    "high": 22.0,
    "method": "95% two-way t",
    "p": 0.02,
    "ratings": 600,
    "raters": 25,
}
DECISION = {**ESTIMATE, "holm_p": 0.01}
AGREEMENT = {"question": "fidelity", "category": "", "alpha": 0.4, "low": 0.3, "high": 0.5, "raw": 0.7}
ANALYSIS = {
    "schema": 1,
    "name": "a-study",
    "kind": "side_by_side",
    "primary": "net",
    "estimates": [
        {**ESTIMATE, "scope": "category", "category": "Colours", "value": 8.0, "low": None, "high": None},
        ESTIMATE,
        {**ESTIMATE, "quantity": "wins", "value": 60.0},
        {**ESTIMATE, "quantity": "ties", "value": 10.0},
    ],
    "decisions": [DECISION],
    "agreement": [{**AGREEMENT, "items": 20, "raters": 25}],
    "counts": {"all": 610, "used": 600},
    "notes": ["a note"],
    "resamples": 2000,
}
POINT = {"at": 3.0, "alignment": None, "quality": {"value": 10.5, "low": 9.0, "high": 12.0, "n": 50}}
PARETO = {
    "along": "guidance_scale",
    "alignment": {"metric": "clip_score"},
    "quality": {"metric": "fid"},
    "curves": [{"label": "<static>", "points": [{**POINT, "on_front": True}]}],
}
BARE = {"schema": 1, "name": "x", "kind": "x", "primary": "net", "estimates": []}


@pytest.fixture
def two(make_run: MakeRun) -> list[str]:
    """The folders of two comparable runs."""
    runs = [make_scored(make_run, n, shift, settings={"steps": n}) for n, shift in (("a", 0.0), ("b", -0.1))]
    return [str(run.folder) for run in runs]


def test_one_run_gets_its_grid_and_report(two: list[str], capsys: Output) -> None:
    assert main(["report", two[0]]) == 0
    assert capsys.readouterr().out.splitlines() == [f"{two[0]}/grid.png", f"{two[0]}/report.html"]
    assert (Path(two[0]) / "grid.png").is_file()


def test_two_runs_make_one_page_whose_links_lead_into_both(
    two: list[str], tmp_path: Path, capsys: Output
) -> None:
    (tmp_path / "pages").mkdir()
    out = tmp_path / "pages" / "page.html"
    assert main(["report", *two, "--out", str(out)]) == 0
    page = out.read_text(encoding="utf-8")
    assert "<title>2 runs on test-bench</title>" in page
    for name in "ab":
        assert f'href="../{name}/images/p000/0.png"' in page
        assert (out.parent / f"../{name}/images/p000/0.png").is_file()
        assert f'href="../{name}/manifest.json"' in page
    assert page.count("<img ") == 20
    assert "What differs between the runs" in page


def test_text_formats_go_to_stdout_or_to_a_file(two: list[str], tmp_path: Path, capsys: Output) -> None:
    assert main(["report", *two, "--format", "markdown"]) == 0
    assert capsys.readouterr().out.startswith("## 2 runs on test-bench\n")
    out = tmp_path / "table.tex"
    assert main(["report", *two, "--format", "latex", "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert r"\begin{table}" in out.read_text()


def test_ratings_and_a_pareto_figure_are_shown(two: list[str], tmp_path: Path) -> None:
    (tmp_path / "analysis.json").write_text(json.dumps(ANALYSIS))
    pareto = tmp_path / "pareto.json"
    pareto.write_text(json.dumps(PARETO))
    (tmp_path / "pareto.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    )
    out = tmp_path / "page.html"
    arguments = ["--ratings", str(tmp_path), "--pareto", str(pareto), "--out", str(out)]
    assert main(["report", *two, *arguments]) == 0
    page = out.read_text(encoding="utf-8")
    for said in (
        "fidelity &lt;b&gt;: mine against yours",
        "net preference; wins 60%, ties 10%",
        '<td class="num strong">+12</td>',
        "+2 to +22",
        "p </span>0.01</td>",
        "alpha 0.4000 [0.3000, 0.5000]",
        "<dt>resamples</dt><dd>2000</dd>",
        "A note.",
        "<td>&lt;static&gt;</td><td>3</td><td>n/a</td><td>10.50 [9.000 to 12.00], n = 50</td><td>yes</td>",
        'src="data:image/svg+xml;base64,',
    ):
        assert said in page, said
    assert "alert(1)" not in page, "the drawing is a picture, whose scripts no browser runs"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name at least one run folder"),
        (["RUN", "--out", "no/such/folder/page.html"], "there is no folder"),
        (["RUN", "--out", "."], "is a folder"),
        (["RUN", "--format", "latex", "--pareto", "p.json"], "go with --format html"),
        (["RUN", "--ratings", "absent.json"], "cannot be read as JSON"),
        (["RUN", "--pareto", "absent.json"], "cannot be read as JSON"),
        (["RUN", "--ratings", "list.json"], "is not the analysis.json"),
        (["RUN", "--ratings", "empty.json"], "is not the analysis.json"),
        (["RUN", "--ratings", "bare.json"], "holds no estimate of net"),
        (["RUN", "--ratings", "torn.json"], "is malformed: KeyError('model_a')"),
        (["RUN", "--pareto", "empty.json"], "has no points"),
        (["RUN", "--pareto", "points.json"], "points.svg does not lie beside it"),
        (["RUN", "--pareto", "odd.json"], "is not a file of drawbench pareto: KeyError('label')"),
        (["RUN", "RUN"], "is given twice"),
        (["nowhere"], "no run folder"),
        (["--index", ".", "RUN"], "--index goes with --out alone"),
        (["--index", "nowhere"], "is no folder"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    two: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Output,
    arguments: list[str],
    said: str,
) -> None:
    for name, content in (
        ("list", []),
        ("empty", {}),
        ("points", PARETO),
        ("bare", BARE),
        ("odd", {"curves": [{"points": [{}]}]}),
        ("torn", {**BARE, "estimates": [{"question": ""}]}),
    ):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    monkeypatch.chdir(tmp_path)
    before = sorted(os.walk("."))
    assert main(["report", *(two[0] if a == "RUN" else a for a in arguments)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.strip().count("\n") == 0
    assert sorted(os.walk(".")) == before


def test_runs_of_different_benches_are_not_comparable(
    two: list[str], make_run: MakeRun, capsys: Output
) -> None:
    other = make_run({"A": ["something else"]}, name="other")
    assert main(["report", two[0], str(other)]) == 4
    assert "digest" in capsys.readouterr().err
