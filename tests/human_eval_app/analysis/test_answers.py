from __future__ import annotations

import pandas as pd
import pytest
from simulated_ratings import simulated_frame, study_design

from drawbench.errors import InputError
from human_eval_app.analysis.answers import answers_that_count, sorted_answers
from human_eval_app.analysis.controls import control_accuracy


@pytest.fixture
def frame() -> pd.DataFrame:
    return simulated_frame(study_design("realism", categories={"x": 6}), raters=6, per_prompt=4)


def counted(frame: pd.DataFrame, **options: object) -> dict[str, int]:
    return dict(answers_that_count(sorted_answers(frame), **options).counts)  # type: ignore[arg-type]


def test_everything_left_out_is_counted_by_its_first_reason(frame: pd.DataFrame) -> None:
    rating = frame.index[frame["role"] == "rating"]
    frame.loc[rating[:3], ["excluded", "excluded_reason"]] = [True, "item: watermark"]
    frame.loc[rating[3:5], ["excluded", "excluded_reason"]] = [True, ""]
    frame.loc[rating[5], "role"] = "practice"
    counts = counted(frame)
    assert counts["excluded: item: watermark"] == 3
    assert counts["excluded: no reason given"] == 2
    assert counts["practice trials"] == 1
    assert counts["control trials"] == 24
    assert counts["all"] == len(frame) == 2 * counts["all"] - len(frame)
    assert counts["used"] == counts["all"] - 3 - 2 - 1 - 24
    assert counted(frame, include_excluded=True)["used"] == counts["used"] + 5


def test_the_last_revision_counts_in_whatever_order_they_come(frame: pd.DataFrame) -> None:
    row = frame.index[frame["role"] == "rating"][0]
    later = frame.loc[[row]].assign(revision=2, choice="b", value=0.0, choice_shown="left")
    frame.loc[row, ["choice", "value"]] = ["a", 1.0]
    for both in (pd.concat([frame, later]), pd.concat([later, frame])):
        answers = answers_that_count(sorted_answers(both))
        table = answers.table
        mine = table[(table["item"] == frame.loc[row, "item"]) & (table["rater"] == frame.loc[row, "rater"])]
        assert list(mine["choice"]) == ["b"]
        assert answers.counts["changed by the rater later"] == 1


def test_raters_below_the_gate_are_left_out_and_those_without_trials_stay(frame: pd.DataFrame) -> None:
    control = frame["role"] == "control"
    frame.loc[control, "correct"] = True
    frame.loc[control & (frame["rater"] == 2), "correct"] = False
    frame = frame[~(control & (frame["rater"] == 3))]
    answers = answers_that_count(sorted_answers(frame), gate=0.8)
    assert answers.low_raters == ("2",)
    assert set(answers.table["rater"]) == {1, 3, 4, 5, 6}
    assert (
        answers.counts["rater below 80% of control trials"]
        == ((frame["rater"] == 2) & (frame["role"] == "rating")).sum()
    )


def test_a_control_trial_is_right_if_all_its_questions_are() -> None:
    frame = simulated_frame(study_design("side_by_side", categories={"x": 4}), raters=3, per_prompt=2)
    control = frame["role"] == "control"
    frame["correct"] = frame["correct"].astype(object)
    frame.loc[control, "correct"] = True
    frame.loc[control & (frame["rater"] == 1) & (frame["question"] == "text"), "correct"] = False
    found = {row.rater: (row.right, row.seen) for row in control_accuracy(frame)}
    assert found == {"1": (0, 4), "2": (4, 4), "3": (4, 4)}


def test_pairs_are_turned_so_that_the_reference_is_model_b(frame: pd.DataFrame) -> None:
    turned = frame.copy()
    turned[["model_a", "model_b"]] = frame[["model_b", "model_a"]].to_numpy()
    turned["choice"] = frame["choice"].replace({"a": "b", "b": "a"})
    turned["value"] = 1 - frame["value"]
    turned["swapped"] = ~frame["swapped"]
    one, other = (
        answers_that_count(sorted_answers(f, ("imagen", "reference"))).table for f in (frame, turned)
    )
    pd.testing.assert_frame_equal(one, other)
    assert set(one["model_b"]) == {"reference"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "alignment"}, "several kinds"),
        ({"value": float("nan")}, "no value"),
    ],
)
def test_tables_that_cannot_be_right_are_refused(
    frame: pd.DataFrame, change: dict[str, object], words: str
) -> None:
    for name, value in change.items():
        frame.loc[frame.index[0], name] = value
    with pytest.raises(InputError, match=words):
        sorted_answers(frame)


def test_a_missing_column_is_named(frame: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="dwell_ms"):
        sorted_answers(frame.drop(columns="dwell_ms"))
