from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy import stats

from human_eval_app.simulated.draws import normal, pick, uniform


def test_draws_are_functions_of_seed_and_names() -> None:
    assert uniform(1, "a", 2) == uniform(1, "a", 2)
    assert len({uniform(1, "a", 2), uniform(2, "a", 2), uniform(1, "a", 3), uniform(1, "a2")}) == 4


def test_draws_have_the_distributions_they_name() -> None:
    flat = [uniform(0, "u", number) for number in range(4000)]
    assert stats.kstest(flat, "uniform").pvalue > 0.001
    bell = [normal(0, "n", number) for number in range(4000)]
    assert stats.kstest(bell, "norm").pvalue > 0.001
    assert abs(np.corrcoef(flat, bell)[0, 1]) < 0.06


def test_pick_is_even_and_refuses_nothing_to_pick() -> None:
    found = Counter(pick("abc", 0, number) for number in range(3000))
    assert set(found) == set("abc")
    assert min(found.values()) > 900
    with pytest.raises(IndexError):
        pick([], 0)
