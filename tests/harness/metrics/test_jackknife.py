"""Dealing prompts into groups, and the interval from values without each group."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.metrics.jackknife import Deal, leave_out_interval
from harness.stats import cluster_mean_interval


@given(st.lists(st.integers(-3, 9), min_size=1, max_size=40), st.integers(1, 8), st.integers(0, 5))
def test_every_prompt_is_in_one_group_of_nearly_equal_size(clusters: list[int], most: int, seed: int) -> None:
    deal = Deal.of(clusters, most, seed)
    prompts = set(clusters)
    assert (deal.prompts, deal.groups) == (len(prompts), min(most, len(prompts)))
    of_prompt = {c: {int(g) for g in deal.of_row[np.array(clusters) == c]} for c in prompts}
    assert all(len(groups) == 1 for groups in of_prompt.values())
    sizes = np.bincount([next(iter(groups)) for groups in of_prompt.values()], minlength=deal.groups)
    assert sizes.max() - sizes.min() <= 1
    assert sum(deal.members(group).size for group in range(deal.groups)) == len(clusters)


def test_of_a_mean_it_is_students_interval() -> None:
    values = np.random.default_rng(0).normal(size=30)
    without = (values.sum() - values) / 29
    interval = leave_out_interval(float(values.mean()), without, 30)
    mean, students = cluster_mean_interval(values, np.arange(30))
    assert (interval.low, interval.high) == pytest.approx((students.low, students.high))
    cut = leave_out_interval(float(values.mean()), without, 30, bounds=(mean, np.inf), given="given all else")
    assert cut.low == mean
    assert cut.method == "95% jackknife over 30 groups of 30 prompts, given all else"
    assert np.isnan(leave_out_interval(1.0, [1.0], 1).low)
