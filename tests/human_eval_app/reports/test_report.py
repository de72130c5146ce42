"""The folder that `drawbench study analyse` writes."""

from __future__ import annotations

import csv
import re
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from PIL import Image
from simulated_ratings import simulated_frame, study_design

from drawbench.errors import InputError
from human_eval_app.analysis import analyse
from human_eval_app.reports.file_names import distinct
from human_eval_app.reports.methods import methods
from human_eval_app.reports.report import write_analysis
from human_eval_app.reports.tables import number_text, p_text, paper_tables
from human_eval_app.studies.reporting import Reporting


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    design = study_design(categories={"Gary & Marcus_$x$": 6, "<script>alert(1)</script>": 9})
    frame = simulated_frame(design, raters=6, per_prompt=4, careless=1)
    out = tmp_path_factory.mktemp("analysis") / "out"
    write_analysis(frame, design, out, resamples=300)
    return out


def test_tables_and_figures_are_there(written: Path) -> None:
    names = {str(path.relative_to(written)) for path in written.rglob("*") if path.is_file()}
    shares = "shares-quality-imagen-glide"
    for figure in (shares, "forest", "agreement", "controls"):
        assert {f"figures/{figure}.png", f"figures/{figure}.svg"} <= names
        with Image.open(written / f"figures/{figure}.png") as picture:
            assert picture.width >= 600
    for table in ("estimates", "tests", "agreement", "raters", "sensitivity", "counts"):
        rows = list(csv.DictReader((written / f"tables/{table}.csv").open(encoding="utf-8")))
        assert rows, table
        assert not any("nan" in row.values() for row in rows)
    latex = (written / "tables/results-quality-imagen-glide.tex").read_text()
    assert r"Gary \& Marcus\_\$x\$" in latex
    assert latex.count(r"\midrule") == 2
    assert "| Mean of categories | 15 |" in (written / "tables/results-quality-imagen-glide.md").read_text()


def test_the_methods_say_what_the_researcher_told() -> None:
    told = Reporting("a mailing list", "adults", "12 euros for an hour", "board 7")
    design = replace(study_design(categories={"x": 4}, controls=0), reporting=told)
    analysis = analyse(simulated_frame(design, raters=3, per_prompt=2), design, resamples=200)
    raters = dict(dict(methods(analysis, design))["Raters"])
    assert [raters[name] for name in ("recruitment", "demographics", "compensation", "ethics approval")] == [
        *asdict(told).values()
    ]


def test_models_whose_names_look_alike_have_files_of_their_own(tmp_path: Path) -> None:
    design = study_design(categories={"x": 4}, models=("a b", "a_b", "A B", "c"), controls=0)
    frame = simulated_frame(design, raters=4, per_prompt=3)
    analysis = write_analysis(frame, design, tmp_path / "out", resamples=200)
    tables = {path.name.lower() for path in (tmp_path / "out" / "tables").glob("results-*.md")}
    assert len(tables) == len(paper_tables(analysis)) == 12, "2 questions, 6 pairs"
    figures = {path.name.lower() for path in (tmp_path / "out" / "figures").glob("shares-*.png")}
    assert len(figures) == 12
    assert "results-quality-a_b-c.md" in tables, "the name that needs no change keeps it"


def test_names_of_files_are_distinct_and_readable() -> None:
    assert distinct(["glide-base", "x/y", "v1.2"]) == {
        "glide-base": "glide_base",
        "x/y": "x_y",
        "v1.2": "v1.2",
    }
    names = ("a b", "a_b", "a_b_2", "a-b", "a b")
    assert distinct(names) == {"a_b": "a_b", "a_b_2": "a_b_2", "a b": "a_b_3", "a-b": "a_b_4"}


def test_the_page_is_one_file_and_escapes_what_it_shows(written: Path) -> None:
    page = (written / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert not re.findall(r"(?:src|href)=\"(?!data:|#)", page)
    assert "default-src 'none'" in page
    for words in ("Krippendorff", "Otani", "not stated", "Holm", "Detectable", "control trials"):
        assert words in page
    assert str(Path.home()) not in page


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    design = study_design(categories={"x": 4})
    frame = simulated_frame(design, raters=3, per_prompt=2)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        write_analysis(frame, design, tmp_path / "file", resamples=200)
    with pytest.raises(InputError):
        write_analysis(frame.iloc[:0], design, tmp_path / "none", resamples=200)
    assert not (tmp_path / "none").exists()


def test_paper_tables_of_alignment_have_both_scores(tmp_path: Path) -> None:
    design = study_design("alignment", categories={"": 8}, models=("imagen", "reference"))
    frame = simulated_frame(design, raters=5, per_prompt=3)
    analysis = write_analysis(frame, design, tmp_path / "out", resamples=300)
    (table,) = paper_tables(analysis)
    assert table.head[2:5] == ("imagen [95%]", "reference [95%]", "Difference [95%]")
    assert [line[0] for line in table.lines] == ["All prompts", "All ratings"]
    assert all(re.match(r"−?\d+\.\d \[", cell) for cell in table.lines[0][2:5])
    assert replace(table, rule=0).latex().count(r"\midrule") == 1


def test_numbers_and_p_values() -> None:
    assert [number_text(v) for v in (-0.01, -1.25, float("nan"))] == ["0.0", "−1.2", "n/a"]
    assert [p_text(p) for p in (0.0004, 0.0123, 0.4, float("nan"))] == ["<0.001", "0.012", "0.40", "n/a"]
