from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_studies import small_design, write_study

from harness.cli import main
from human_eval_app.store.rating_store import open_store
from human_eval_app.studies.study import Study


def _study(folder: Path) -> Path:
    return write_study(
        folder / "study", small_design("realism", prompts=6, quota=4, items_per_rater=4, size=1)
    )


def test_a_study_is_simulated_and_can_be_added_to(
    quick_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _study(quick_folder)
    command = ["study", "simulate", str(folder), "--effect", "70", "--steady", "--json", "--raters"]
    assert main([*command, "4"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["raters"] == 4
    assert first["places_filled"] == 16
    assert main([*command, "2"]) == 0
    second = json.loads(capsys.readouterr().out)
    assert second["places_filled"] == second["places_wanted"] == 24
    assert second["ratings_in_the_study"] > first["ratings_in_the_study"]
    store = open_store(Study.open(folder).database_url)
    assert {rater.label for rater in store.raters()} == {"simulated"}
    store.close_connections()


def test_ratings_of_people_are_never_mixed_with_simulated_ones(
    quick_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _study(quick_folder)
    study = Study.open(folder)
    store = open_store(study.database_url, create=True)
    store.register(study.design)
    store.exchange(store.invite(1)[0].token)
    store.close_connections()
    assert main(["study", "simulate", str(folder), "--raters", "2"]) == 2
    assert "who are people" in capsys.readouterr().err
    store = open_store(study.database_url)
    assert len(store.raters()) == 1
    store.close_connections()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--effect", "nobody=60"], "no model nobody"),
        (["--effect", "120"], "between 0.1 and 99.9"),
        (["--lapse", "2"], "lapse"),
        (["--raters", "0"], "raters"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_written(
    options: list[str], said: str, quick_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _study(quick_folder)
    assert main(["study", "simulate", str(folder), *options]) == 2
    assert said in capsys.readouterr().err
    assert not (folder / "study.db").exists()


def test_a_folder_that_is_no_study_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "simulate", str(tmp_path)]) == 2
    assert "is no study" in capsys.readouterr().err
