"""Holm's adjustment of several p values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from harness.stats import holm

_P = hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(0, 1))


def test_a_worked_example() -> None:
    # sorted .005 .01 .03 .04, times 4 3 2 1: .02 .03 .06 .04, and none falls below the one before it
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(_P, st.randoms(use_true_random=False))
def test_order_does_not_matter_and_no_p_shrinks(p: np.ndarray, random) -> None:  # type: ignore[no-untyped-def]
    adjusted = holm(p)
    order = list(range(p.size))
    random.shuffle(order)
    np.testing.assert_array_equal(holm(p[order]), adjusted[order])
    assert (adjusted >= p).all()
    assert adjusted.max() <= 1
    ranked = np.argsort(p, kind="stable")
    assert (np.diff(adjusted[ranked]) >= 0).all()
    assert adjusted.min() == min(1.0, p.size * p.min())


@given(_P, st.floats(0.01, 0.2))
def test_it_rejects_what_the_step_down_procedure_rejects(p: np.ndarray, level: float) -> None:
    rejected = np.zeros(p.size, dtype=bool)
    for step, place in enumerate(np.argsort(p, kind="stable")):
        if p[place] * (p.size - step) > level:
            break
        rejected[place] = True
    np.testing.assert_array_equal(holm(p) <= level, rejected)


def test_tests_that_were_not_made_do_not_count() -> None:
    assert holm([0.02, np.nan, 0.03])[[0, 2]] == pytest.approx([0.04, 0.04])
    assert np.isnan(holm([0.02, np.nan])[1])
    assert holm([]).size == 0


@pytest.mark.parametrize("wrong", [-0.1, 1.5])
def test_what_is_no_p_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match=r"0\.\.1"):
        holm([0.5, wrong])
