from __future__ import annotations

import time

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


def test_five_thousand_ratings_take_less_than_a_third_of_a_second() -> None:
    design = study_design(categories={f"c{n:02d}": 18 for n in range(11)})
    frame = simulated_frame(design, raters=25, per_prompt=13)
    assert len(frame) > 5000
    times = []
    for _ in range(3):
        start = time.process_time()
        live_results(frame, design)
        times.append(time.process_time() - start)
    assert min(times) < 0.3
