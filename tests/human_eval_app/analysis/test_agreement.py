"""Krippendorff's alpha against the packages krippendorff and evalica, and its interval by copying raters."""

from __future__ import annotations

import math

import evalica
import krippendorff
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from simulated_ratings import simulated_frame, study_design

from human_eval_app.analysis.agreement import (
    ALONE,
    UNANIMOUS,
    agreement_rows,
    bootstrap_alphas,
    ordinal_alpha,
    raw_agreement,
)
from human_eval_app.analysis.answers import answers_that_count, sorted_answers

tables = arrays(np.int8, st.tuples(st.integers(2, 9), st.integers(2, 12)), elements=st.integers(-1, 2))


def counts_of(table: np.ndarray) -> np.ndarray:
    """(items, 3) from raters x items, -1 for missing."""
    return np.stack([(table == code).sum(0) for code in range(3)], axis=1).astype(float)


@settings(max_examples=200, deadline=None)
@given(tables)
def test_alpha_is_the_packages(table: np.ndarray) -> None:
    counts = counts_of(table)
    pairable = counts[counts.sum(1) >= 2].sum(0)
    if (pairable > 0).sum() < 2:
        assert math.isnan(ordinal_alpha(counts))
        return
    data = np.where(table < 0, np.nan, table.astype(float))
    expected = krippendorff.alpha(
        reliability_data=data, value_domain=[0, 1, 2], level_of_measurement="ordinal"
    )
    assert ordinal_alpha(counts) == pytest.approx(expected, abs=1e-10)


def test_alpha_is_evalicas() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        table = rng.integers(0, 3, (6, 15)).astype(float)
        table[rng.random(table.shape) < 0.2] = np.nan
        expected = evalica.alpha(pd.DataFrame(table), distance="ordinal").alpha
        counts = counts_of(np.where(np.isnan(table), -1, table))
        assert ordinal_alpha(counts) == pytest.approx(expected, abs=1e-9)


@given(tables)
def test_raw_agreement_is_counted_over_pairs(table: np.ndarray) -> None:
    same = total = 0
    for item in table.T:
        given_ = item[item >= 0]
        for place, one in enumerate(given_):
            for other in given_[place + 1 :]:
                total += 1
                same += one == other
    found = raw_agreement(counts_of(table))
    assert math.isnan(found) if total == 0 else found == pytest.approx(same / total)


def test_without_resampling_weights_the_bootstrap_is_alpha() -> None:
    """One rater more of each kind cannot raise agreement: copies of a rater are not compared."""
    rng = np.random.default_rng(3)
    item, rater = np.divmod(np.arange(60 * 8), 8)
    codes = np.clip(rng.integers(0, 3, 60)[item] + rng.integers(-1, 2, item.size), 0, 2)
    alpha = ordinal_alpha(np.bincount(item * 3 + codes, minlength=180).reshape(60, 3).astype(float))
    drawn = bootstrap_alphas(codes, item, rater, resamples=800, seed=1)
    assert np.isfinite(drawn).all()
    assert drawn.mean() == pytest.approx(alpha, abs=0.03)  # copies would add about 0.1
    assert 0.02 < drawn.std() < 0.12


def test_intervals_cover_the_alpha_of_many_items_and_raters() -> None:
    def study(rng: np.random.Generator, items: int, raters: int) -> tuple[np.ndarray, ...]:
        z = (
            rng.normal(size=(items, 1))
            + 0.4 * rng.normal(size=(1, raters))
            + rng.normal(size=(items, raters))
        )
        codes = (z > -0.4).astype(int) + (z > 0.4)
        item, rater = np.divmod(np.arange(codes.size), raters)
        return codes.ravel(), item, rater

    rng = np.random.default_rng(0)
    codes, item, _ = study(rng, 4000, 300)
    truth = ordinal_alpha(np.bincount(item * 3 + codes, minlength=12000).reshape(-1, 3).astype(float))
    held = 0
    for draw in range(60):
        drawn = bootstrap_alphas(*study(rng, 40, 12), resamples=300, seed=draw)
        low, high = np.quantile(drawn, [0.025, 0.975])
        held += low <= truth <= high
    assert held >= 51  # 95% of 60 is 57; below 51 once in a thousand


def test_undefined_agreement_is_said_in_words() -> None:
    frame = simulated_frame(study_design(categories={"x": 4, "y": 4}, controls=0), raters=4, per_prompt=3)
    agreed = (frame["question"] == "text") & (frame["category"] == "x")
    frame.loc[agreed, ["choice", "value"]] = ["a", 1.0]
    answers = answers_that_count(sorted_answers(frame))
    rows = {(r.question, r.category): r for r in agreement_rows(answers, resamples=200)}
    assert rows["text", "x"].why == UNANIMOUS
    assert math.isnan(rows["text", "x"].alpha)
    assert rows["text", "x"].raw == 1
    assert rows["quality", ""].low < rows["quality", ""].alpha < rows["quality", ""].high
    single = answers_that_count(sorted_answers(frame[frame["rater"] == 1]))
    assert {row.why for row in agreement_rows(single, resamples=200)} == {ALONE}
