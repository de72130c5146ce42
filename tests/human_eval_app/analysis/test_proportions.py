from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from human_eval_app.analysis.proportions import binomial_p, wilson


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_statsmodels(case: tuple[int, int]) -> None:
    hits, trials = case
    assert wilson(hits, trials) == pytest.approx(proportion_confint(hits, trials, method="wilson"), abs=1e-12)


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_sign_test_is_an_exact_mcnemar_test(for_a: int, for_b: int) -> None:
    table = [[10, for_a], [for_b, 10]]
    expected = mcnemar(table, exact=True).pvalue if for_a + for_b else 1.0
    assert binomial_p(for_a, for_a + for_b) == pytest.approx(min(1.0, expected), rel=1e-9)


def test_nothing_tried_says_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert binomial_p(0, 0) == 1.0
