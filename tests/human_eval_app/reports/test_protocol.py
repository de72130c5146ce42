"""What a paper must say, filled in from a study."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from small_studies import small_design, write_study

from human_eval_app.reports.protocol import UNKNOWN, protocol_markdown
from human_eval_app.store.opening import opened
from human_eval_app.studies.reporting import Reporting


def test_the_template_is_filled_in(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study", small_design(nesting="category"))
    with opened(folder) as (study, store):
        store.invite(2)
        first = protocol_markdown(study.design, store.progress(), store.raters())
        again = protocol_markdown(study.design, store.progress(), store.raters())
    assert first == again
    for part in (
        "Which set of images is of higher quality?",
        study.design.digest,
        "4, each to be rated 3 times",
        "of one category",
        "**Entered**: 0",
        "raters with at least 80% of theirs right are kept",
        "**Model imagen-xl**",
        "2 on 4 pages",
    ):
        assert part in first
    assert first.count(UNKNOWN) >= 5, "what only the researcher knows is marked"


def test_a_study_that_filters_no_one_says_so(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study", small_design("alignment", controls=0, control_gate=0.0))
    with opened(folder) as (study, store):
        text = protocol_markdown(study.design, store.progress(), store.raters())
    assert "**Control trials**: none" in text
    assert "every rater is kept" in text
    assert "Yes (100) / Somewhat (50) / No (0)" in text


def test_what_the_researcher_told_stands_in_it(tmp_path: Path) -> None:
    told = Reporting("a mailing list", "adults who read English", "12 euros for an hour", "board 7, no. 42")
    folder = write_study(tmp_path / "study", replace(small_design(), reporting=told))
    with opened(folder) as (study, store):
        text = protocol_markdown(study.design, store.progress(), store.raters())
    for words in asdict(told).values():
        assert words in text
