from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats import TEstimate
from human_eval_app.analysis.bounded import ends_of, percentile_p, two_way_wilson, wilson_p

SHARE = (0.0, 100.0)


@given(st.floats(2, 98), st.floats(0.2, 12), st.floats(3, 200), st.floats(5, 95))
def test_p_is_below_five_percent_where_the_interval_leaves_the_value_out(
    value: float, error: float, degrees: float, null: float
) -> None:
    estimate = TEstimate(value, error, degrees, "two-way t")
    interval = two_way_wilson(estimate, SHARE, prompts=50, raters=20)
    p = wilson_p(estimate, SHARE, null, prompts=50, raters=20)
    assert 0 <= interval.low <= value <= interval.high <= 100
    if min(abs(null - interval.low), abs(null - interval.high)) > 1e-6:
        assert (p < 0.05) == (not interval.low <= null <= interval.high)


def test_far_from_the_bounds_it_is_the_t_interval() -> None:
    estimate = TEstimate(48.0, 0.5, 60, "two-way t")
    found, plain = two_way_wilson(estimate, SHARE, prompts=50, raters=20), estimate.interval()
    assert (found.low, found.high) == pytest.approx((plain.low, plain.high), abs=0.01)


def test_agreement_of_all_leaves_room_for_others() -> None:
    everyone = TEstimate(100.0, 0.0, 10, "two-way t")
    found = two_way_wilson(everyone, SHARE, prompts=20, raters=12)
    assert found.high == 100
    assert 60 < found.low < 85
    indifferent = two_way_wilson(TEstimate(0.0, 0.0, 10, "two-way t"), (-100, 100), prompts=20, raters=12)
    assert indifferent.low == -indifferent.high
    assert 10 < indifferent.high < 60
    assert math.isnan(two_way_wilson(TEstimate(3, math.nan, 1, "why"), SHARE, prompts=1, raters=1).low)


@given(st.lists(st.floats(-1, 1), min_size=400, max_size=400), st.floats(-0.9, 0.9))
def test_the_percentile_p_and_the_percentile_interval_agree(drawn: list[float], null: float) -> None:
    replicates = np.array(drawn)
    low, high = np.quantile(replicates, [0.025, 0.975])
    if percentile_p(replicates, null) < 0.045:
        assert not low < null < high
    if percentile_p(replicates, null) > 0.06:
        assert low <= null <= high


@pytest.mark.parametrize(
    ("spread", "prompts", "raters", "by"),
    [(2.0, 50, 20, "bootstrap"), (2.0, 9, 20, "Wilson"), (2.0, 50, 9, "Wilson"), (3.5, 50, 20, "Wilson")],
)
def test_which_interval_is_reported(spread: float, prompts: int, raters: int, by: str) -> None:
    estimate = TEstimate(60.0, 2.0, 30, "two-way t")
    replicates = np.random.default_rng(0).normal(60, spread, 2000)
    ends = ends_of(estimate, replicates, bounds=SHARE, null=50, prompts=prompts, raters=raters, seed=0)
    assert by in ends.interval.method
    assert by not in ends.beside.method
    assert ends.p < 0.05


def test_resamples_without_ratings_leave_wilson_alone() -> None:
    replicates = np.where(np.arange(1000) % 10 == 0, np.nan, 60.0)
    ends = ends_of(
        TEstimate(60.0, 2.0, 30, "two-way t"),
        replicates,
        bounds=SHARE,
        null=50,
        prompts=50,
        raters=20,
        seed=0,
    )
    assert "Wilson" in ends.interval.method
    assert "no bootstrap" in ends.beside.method
