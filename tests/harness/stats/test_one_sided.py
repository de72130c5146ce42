"""One-sided p values agree with their intervals and, where there is one, with a textbook's formula."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.stats import Interval, TEstimate, mean_difference_interval
from harness.stats.one_sided import LEAST_P, p_above, p_below, t_interval_at


@given(
    st.floats(-3, 3),
    st.floats(0.05, 2),
    st.integers(2, 200),
    st.floats(-3, 3),
)
def test_it_is_students_one_sided_p(value: float, error: float, degrees: int, bound: float) -> None:
    found = p_below(t_interval_at(TEstimate(value, error, degrees, "")), bound)
    expected = float(stats.t.cdf((value - bound) / error, degrees))
    assert found == pytest.approx(expected, rel=1e-4, abs=2 * LEAST_P)
    assert p_above(t_interval_at(TEstimate(value, error, degrees, "")), bound) == pytest.approx(1 - found)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=4, max_size=60), st.floats(-0.4, 0.4))
def test_p_is_below_alpha_exactly_where_the_interval_excludes_the_bound(
    pairs: list[tuple[bool, bool]], bound: float
) -> None:
    a, b = np.array(pairs, dtype=np.float64).T
    clusters = np.arange(len(pairs))

    def at(level: float) -> Interval:
        return mean_difference_interval(a, b, clusters, level=level, bounds=(0.0, 1.0))[1]

    interval = at(0.95)
    if abs(interval.high - bound) > 1e-6:
        assert (p_below(at, bound) < 0.025) == (interval.high < bound)
    if abs(interval.low - bound) > 1e-6:
        assert (p_above(at, bound) < 0.025) == (interval.low > bound)


def test_without_an_interval_there_is_no_p() -> None:
    assert math.isnan(p_below(lambda level: Interval(math.nan, math.nan, ""), 0.0))


def test_without_spread_it_is_certain() -> None:
    at = t_interval_at(TEstimate(-1.0, 0.0, 5, ""))
    assert p_below(at, -0.5) == LEAST_P
    assert p_below(at, -1.0) == 0.5
    assert p_below(at, -2.0) == 1 - LEAST_P
