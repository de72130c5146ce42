"""Promise 10: the same database and seed give the same report, byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from rating_steps import enter, rate
from set_clock import SetClock
from simulated_ratings import simulated_frame, study_design
from small_studies import small_design

from human_eval_app.exports.exporting import export_study
from human_eval_app.exports.importing import read_ratings
from human_eval_app.reports.report import write_analysis
from human_eval_app.store.rating_store import RatingStore
from human_eval_app.store.records import Presentation
from human_eval_app.studies.design import StudyDesign

MakeStore = Callable[[StudyDesign], RatingStore]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_store_read_twice_and_its_export_give_the_same_bytes(
    make_store: MakeStore, clock: SetClock, tmp_path: Path
) -> None:
    design = small_design("side_by_side", prompts=6, controls=2, practice=1, control_gate=0.0)
    store = make_store(design)
    options = {question.name: question.shown_keys() for question in design.questions}
    for number in range(4):
        rater = enter(store)

        def choose(page: Presentation, number: int = number) -> dict[str, str]:
            return {name: keys[(page.position * number) % len(keys)] for name, keys in options.items()}

        rate(store, rater, pages=4, choose=choose)
        clock.forward(1)
    export_study(store, tmp_path / "export", formats=["csv"], private=True)
    frames = [store.ratings(), store.ratings().iloc[::-1], read_ratings(tmp_path / "export")]
    found = []
    for number, frame in enumerate(frames):
        write_analysis(frame, design, tmp_path / f"out{number}", resamples=200, seed=5)
        found.append(contents(tmp_path / f"out{number}"))
    assert len(found[0]) > 15
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("kind", ["realism", "alignment"])
def test_another_seed_changes_intervals_and_the_same_seed_nothing(kind: str, tmp_path: Path) -> None:
    design = study_design(kind, categories={"x": 12})
    frame = simulated_frame(design, raters=12, per_prompt=5)
    folders = [tmp_path / name for name in ("one", "again", "other")]
    for folder, seed in zip(folders, (1, 1, 2), strict=True):
        write_analysis(frame, design, folder, resamples=200, seed=seed)
    one, again, other = map(contents, folders)
    assert one == again
    assert one["analysis.json"] != other["analysis.json"]
    assert one.keys() == other.keys()
