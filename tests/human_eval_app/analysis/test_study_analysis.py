from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from simulated_ratings import simulated_frame, study_design
from small_runs import small_run

from drawbench.errors import InputError
from drawbench.types import Prompt
from harness.manifest import read_manifest
from human_eval_app.analysis import analyse
from human_eval_app.analysis.run_scores import run_scores


def test_careless_raters_are_found_and_the_sensitivity_table_shows_what_they_do() -> None:
    design = study_design("realism", control_gate=0.8, controls=8, categories={"x": 30})
    frame = simulated_frame(design, raters=12, per_prompt=8, careless=3, lead=0.9, seed=1)
    bad = frame["rater"] > 9
    frame["correct"] = frame["correct"].where(frame["role"].ne("control") | bad, True)
    rated = bad & (frame["role"] == "rating")
    frame.loc[rated, "choice_shown"] = "left"  # they press one key
    frame.loc[rated, "choice"] = np.where(frame.loc[rated, "swapped"], "b", "a")
    frame.loc[rated, "value"] = np.where(frame.loc[rated, "swapped"], 0.0, 1.0)
    analysis = analyse(frame, design, resamples=300)
    lazy = [habit for habit in analysis.raters if habit.rater in ("10", "11", "12")]
    assert all(habit.hasty and not habit.counted and habit.left_share == 1 for habit in lazy)
    assert all(habit.left_holm < 0.05 for habit in lazy)
    assert analysis.counts["rater below 80% of control trials"] == int(rated.sum())
    by_choice = {variant.counted: variant.row for variant in analysis.sensitivity}
    reported, everyone = by_choice["as reported"], by_choice["every rater, whatever their control trials"]
    assert reported == analysis.primary_rows()[0]
    assert everyone.raters == reported.raters + 3
    assert everyone.value < reported.value
    ungated = analyse(frame, design, resamples=300, rater_gate=0)
    assert ungated.primary_rows()[0] == everyone
    assert any("no rater is left out" in note for note in ungated.notes)


def test_exclusions_put_back_stand_in_the_sensitivity_table() -> None:
    design = study_design(categories={"x": 10})
    frame = simulated_frame(design, raters=6, per_prompt=4)
    frame.loc[frame["rater"] == 2, ["excluded", "excluded_reason"]] = [True, "rater: asleep"]
    analysis = analyse(frame, design, resamples=300)
    back = [v.row for v in analysis.sensitivity if v.counted == "what was excluded put back"]
    assert {row.raters for row in back} == {6}
    assert {row.raters for row in analysis.primary_rows()} == {5}
    assert analysis.counts["excluded: rater: asleep"] > 0


def test_json_has_everything_and_no_nan() -> None:
    design = study_design(categories={"x": 8, "y": 1})
    analysis = analyse(simulated_frame(design, raters=4, per_prompt=3), design, resamples=300)
    content = json.loads(analysis.to_json(), parse_constant=lambda name: pytest.fail(name))
    assert content["schema"] == 1
    assert {row["quantity"] for row in content["estimates"]} == {
        "wins",
        "ties",
        "losses",
        "preference",
        "net",
    }
    one = next(row for row in content["estimates"] if row["category"] == "y")
    assert one["low"] is None
    assert "one prompt" in one["method"]
    overall = next(
        row for row in content["estimates"] if row["scope"] == "macro" and row["quantity"] == "net"
    )
    assert overall["low"] < overall["value"] < overall["high"]
    assert "few raters (4)" in " ".join(content["notes"])
    assert "net of imagen against glide" in analysis.text()


def test_what_cannot_be_analysed_is_refused() -> None:
    design = study_design(control_gate=0.8)
    frame = simulated_frame(design, raters=4, per_prompt=2)
    with pytest.raises(InputError, match="no rating yet"):
        analyse(frame.iloc[:0], design)
    with pytest.raises(InputError, match="another design"):
        analyse(frame.assign(design_digest="f" * 64), design)
    with pytest.raises(InputError, match=r"no rating counts.*practice"):
        analyse(frame.assign(role="practice"), design)
    for options in ({"rater_gate": 1.2}, {"resamples": 3}):
        with pytest.raises(InputError):
            analyse(frame, design, **options)  # type: ignore[arg-type]


def scored_run(folder: Path, model: str) -> tuple[Path, str]:
    """A run of the prompts x-000 to x-011, two samples each, with scores; and its hash."""
    prompts = [Prompt(f"x-{n:03d}", f"picture {n}", "x") for n in range(12)]
    small_run(folder, model=model, prompts=prompts, samples=2, size=(8, 8))
    rows = [(p.id, i, "clip", float(n + i)) for n, p in enumerate(prompts) for i in (0, 1)]
    scores = pd.DataFrame(rows, columns=["prompt_id", "index", "metric", "value"])
    scores.to_parquet(folder / "scores.parquet")
    return folder, str(read_manifest(folder)["run_hash"])


def test_scores_of_runs_are_found_by_their_hash(tmp_path: Path) -> None:
    run, run_hash = scored_run(tmp_path / "run", "glide")
    design = study_design(categories={"x": 12})
    named = (design.models[0], replace(design.models[1], identity={"run_hash": run_hash}))
    design = replace(design, models=named)
    found = run_scores([run], design)
    assert found[0].model == "glide"
    assert found[0].values["clip"]["x-003"] == 3.5  # the mean over samples
    analysis = analyse(simulated_frame(design, raters=5, per_prompt=3), design, resamples=300, runs=[run])
    assert [m.metric for m in analysis.metrics] == ["clip", "clip"]
    assert analysis.metrics[0].compared == "glide alone"
    other, _ = scored_run(tmp_path / "other", "another")
    with pytest.raises(InputError, match="no run that the study was made from"):
        run_scores([other], design)
    (run / "scores.parquet").unlink()
    with pytest.raises(InputError, match="no scores of single pictures"):
        run_scores([run], design)
