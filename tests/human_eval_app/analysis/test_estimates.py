"""Properties of the estimates: what must mirror, what must not matter, what adds up."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_ratings import simulated_frame, study_design

from human_eval_app.analysis.answers import Answers, answers_that_count, sorted_answers
from human_eval_app.analysis.estimates import Row, compared, estimate_rows

SMALL = {"x": 5, "y": 4}


def answers_of(frame: pd.DataFrame, order: tuple[str, ...] = ("imagen", "glide")) -> Answers:
    return answers_that_count(sorted_answers(frame, order))


def by_place(rows: list[Row]) -> dict[tuple[str, ...], Row]:
    return {(r.question, r.model_a, r.model_b, r.scope, r.category, r.quantity): r for r in rows}


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_swapping_the_models_mirrors_every_estimate(seed: int, nested: bool) -> None:
    design = study_design(categories=SMALL, controls=0, nesting="category" if nested else "free")
    frame = simulated_frame(design, raters=6, per_prompt=4, seed=seed)
    one = by_place(estimate_rows(answers_of(frame), resamples=300))
    other = by_place(estimate_rows(answers_of(frame, ("glide", "imagen")), resamples=300))
    mirrored = {"wins": "losses", "losses": "wins", "ties": "ties", "preference": "preference", "net": "net"}
    for (question, a, b, scope, category, quantity), row in one.items():
        twin = other[question, b, a, scope, category, mirrored[quantity]]
        total = {"preference": 100, "net": 0}.get(quantity)
        if total is None:
            assert twin.value == pytest.approx(row.value)
            assert (twin.low, twin.high) == pytest.approx((row.low, row.high), abs=1e-9)
        else:
            assert twin.value == pytest.approx(total - row.value)
            assert (twin.low, twin.high) == pytest.approx((total - row.high, total - row.low), abs=1e-9)
            assert twin.p == pytest.approx(row.p)
            assert twin.detectable == pytest.approx(row.detectable)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["side_by_side", "alignment", "realism"]))
def test_the_order_of_rows_changes_nothing(seed: int, kind: str) -> None:
    frame = simulated_frame(study_design(kind, categories=SMALL), raters=5, per_prompt=3, seed=seed)
    shuffled = frame.sample(frac=1, random_state=seed % 1000)
    one, other = (estimate_rows(answers_of(f), resamples=300) for f in (frame, shuffled))
    assert repr(one) == repr(other)


def test_what_adds_up() -> None:
    frame = simulated_frame(study_design(categories=SMALL, controls=0), raters=8, per_prompt=5)
    answers = answers_of(frame)
    rows = by_place(estimate_rows(answers, resamples=300))
    raw = answers.table[answers.table["question"] == "text"]
    assert (raw["choice"] == "indifferent").any()
    for scope, category in (("category", "x"), ("category", "y"), ("macro", ""), ("pooled", "")):
        got = {q: rows["text", "imagen", "glide", scope, category, q].value for q in
               ("wins", "ties", "losses", "preference", "net")}  # fmt: skip
        assert got["wins"] + got["ties"] + got["losses"] == pytest.approx(100)
        assert got["preference"] == pytest.approx(got["wins"] + got["ties"] / 2)  # a tie is half
        assert got["net"] == pytest.approx(got["wins"] - got["losses"])
    macro = rows["text", "imagen", "glide", "macro", "", "net"]
    each = [rows["text", "imagen", "glide", "category", c, "net"].value for c in SMALL]
    assert macro.value == pytest.approx(np.mean(each))
    pooled = rows["text", "imagen", "glide", "pooled", "", "preference"]
    assert pooled.value == pytest.approx(100 * raw["value"].mean())
    assert pooled.ratings == len(raw)
    assert macro.prompts == 9


def test_alignment_is_the_papers_scale_and_a_paired_difference() -> None:
    design = study_design("alignment", categories=SMALL, models=("imagen", "reference"), controls=0)
    frame = simulated_frame(design, raters=6, per_prompt=4, lead={"imagen": 0.5, "reference": 1.5})
    lonely = (frame["prompt_id"] == "x-000") & (frame["model_a"] == "reference")
    frame = frame[~lonely]
    rows = by_place(estimate_rows(answers_of(frame), resamples=300))
    score = rows["alignment", "imagen", "", "pooled", "", "score"]
    assert score.value == pytest.approx(frame.loc[frame["model_a"] == "imagen", "value"].mean())
    assert score.prompts == 9
    difference = rows["alignment", "imagen", "reference", "macro", "", "difference"]
    assert difference.prompts == 8  # only what was rated for both
    both = frame[frame["prompt_id"] != "x-000"]
    means = both.groupby(["category", "model_a", "prompt_id"])["value"].mean()
    macro = means.groupby(["category", "model_a"]).mean().groupby("model_a").mean()
    assert difference.value == pytest.approx(macro["imagen"] - macro["reference"])
    assert -100 <= difference.low < difference.value < difference.high <= 100


def test_strict_studies_have_no_ties() -> None:
    frame = simulated_frame(study_design("realism", strict=True, categories=SMALL), raters=5, per_prompt=4)
    rows = estimate_rows(answers_of(frame), resamples=300)
    assert {row.value for row in rows if row.quantity == "ties"} == {0.0}
    assert all(math.isfinite(row.high) for row in rows)


def test_unanimous_raters_still_have_an_interval() -> None:
    frame = simulated_frame(study_design(categories={"x": 12}, controls=0), raters=10, per_prompt=10)
    frame = frame.assign(choice="a", value=1.0)
    net = by_place(estimate_rows(answers_of(frame), resamples=300))[
        "text", "imagen", "glide", "macro", "", "net"
    ]
    assert (net.value, net.high) == pytest.approx((100, 100))
    assert 20 < net.low < 80


def test_who_is_compared_in_alignment() -> None:
    assert compared(["a", "b", "reference"]) == [("a", "reference"), ("b", "reference")]
    assert compared(["a", "b", "c"]) == [("a", "b"), ("a", "c"), ("b", "c")]
