from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType

import pytest
from simulated_ratings import simulated_frame, study_design

from human_eval_app.analysis import analyse, live_results


@pytest.mark.parametrize("kind", ["side_by_side", "realism", "alignment"])
def test_live_estimates_are_those_of_the_analysis(kind: str) -> None:
    models = ("imagen", "reference") if kind == "alignment" else ("imagen", "glide")
    design = study_design(kind, models=models, control_gate=0.8)
    frame = simulated_frame(design, raters=10, per_prompt=5, careless=2)
    found, whole = live_results(frame, design), analyse(frame, design, resamples=200)
    rows = [r for r in whole.rows if r.scope == "macro" and r.quantity in (whole.primary, "score")]
    assert sorted(r.value for r in found.rows) == pytest.approx(sorted(r.value for r in rows))
    assert [r.rater for r in found.raters] == [str(n) for n in range(1, 11)]
    assert {r.rater for r in found.raters if r.low_control} == {
        h.rater for h in whole.raters if not h.counted
    }
    assert found.counts == whole.counts
    assert [a.alpha for a in found.agreement] == [a.alpha for a in whole.agreement if not a.category]


def test_an_empty_table_says_so() -> None:
    design = study_design()
    frame = simulated_frame(design, raters=4, per_prompt=2)
    nothing = live_results(frame.iloc[:0], design)
    assert nothing.rows == nothing.raters == ()
    assert nothing.notes == ("there is no rating yet",)
    practice = live_results(frame.assign(role="practice"), design)
    assert practice.rows == ()
    assert practice.counts["practice trials"] == len(frame)
    one = live_results(frame.iloc[:1], design)
    assert one.rows[0].ratings == 1


def calls_of(work: Callable[[], object]) -> Counter[str]:
    """How many Python functions `work` calls, by the file they are in: the same on any machine."""
    found: Counter[str] = Counter()

    def count(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            found[Path(frame.f_code.co_filename).name] += 1

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return found


def test_nothing_is_resampled_and_a_rating_more_costs_a_few_calls() -> None:
    design = study_design(categories={f"c{n:02d}": 18 for n in range(11)})
    few, many = (simulated_frame(design, raters=25, per_prompt=count) for count in (3, 13))
    assert len(many) > 5000
    live_results(few, design)  # what is imported and computed once
    for_few, for_many = (calls_of(partial(live_results, frame, design)) for frame in (few, many))
    assert for_many.total() - for_few.total() < 15 * (len(many) - len(few))
    assert "resampling.py" not in for_many
    assert for_many["live.py"] > 0
