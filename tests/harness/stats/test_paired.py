"""The paired jackknife of whole-set numbers, and the smallest detectable difference."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.stats import (
    Interval,
    cluster_mean_interval,
    detectable_difference,
    mean_difference_interval,
    paired_jackknife,
)
from harness.stats.paired import ValueOf


def _mean_of(values: np.ndarray) -> ValueOf:
    return lambda places: float(values[places].mean())


@given(st.integers(0, 1000), st.integers(4, 30), st.integers(1, 3))
@settings(deadline=None)
def test_of_a_mean_with_one_group_a_prompt_it_is_the_interval_over_prompts(
    seed: int, prompts: int, samples: int
) -> None:
    rng = np.random.default_rng(seed)
    clusters = np.repeat(np.arange(prompts), samples)
    a, b = rng.normal(size=(2, clusters.size))
    found = paired_jackknife(_mean_of(a), _mean_of(b), clusters, max_groups=prompts).interval()
    mean, expected = mean_difference_interval(a, b, clusters)
    assert (found.low + found.high) / 2 == pytest.approx(mean)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_what_both_sides_share_cancels() -> None:
    """Difficult prompts move both sides of a spread alike: the difference is known better than either."""
    rng = np.random.default_rng(0)
    clusters = np.arange(300) // 2
    shared = rng.normal(size=(150, 3)).repeat(2, 0) * rng.exponential(1, (150, 1)).repeat(2, 0)
    a, b = shared + 0.1 * rng.normal(size=(300, 3)), 1.05 * shared + 0.1 * rng.normal(size=(300, 3))

    def spread(x: np.ndarray) -> ValueOf:
        return lambda places: float(np.trace(np.cov(x[places], rowvar=False)))

    def nothing(places: np.ndarray) -> float:
        return 0.0

    paired = paired_jackknife(spread(a), spread(b), clusters)
    alone = [paired_jackknife(nothing, spread(x), clusters) for x in (a, b)]
    assert paired.value == pytest.approx(alone[1].value - alone[0].value)
    assert paired.error < 0.3 * min(side.error for side in alone)
    assert paired.p < 0.01


def test_each_group_is_left_out_of_both_sides_at_once_and_once() -> None:
    asked: dict[str, list[tuple[int, ...]]] = {"a": [], "b": []}

    def record(side: str) -> ValueOf:
        def value(places: np.ndarray) -> float:
            asked[side].append(tuple(places))
            return float(len(places))

        return value

    clusters = ["x", "y", "y", "z", "w", "x"]
    paired_jackknife(record("a"), record("b"), clusters, max_groups=3, seed=5)
    assert asked["a"] == asked["b"]
    whole, *parts = asked["a"]
    assert whole == (0, 1, 2, 3, 4, 5)
    left_out = [set(whole) - set(part) for part in parts]
    assert len(left_out) == 3
    assert sorted(place for group in left_out for place in group) == list(whole)
    for group in left_out:
        assert all({i for i in whole if clusters[i] == clusters[place]} <= group for place in group)


def test_it_is_seeded_and_says_where_it_can_say_nothing() -> None:
    values = np.random.default_rng(0).exponential(size=50)
    clusters = np.arange(50)
    one = paired_jackknife(_mean_of(values), _mean_of(values**2), clusters, max_groups=7, seed=1)
    assert one == paired_jackknife(_mean_of(values), _mean_of(values**2), clusters, max_groups=7, seed=1)
    assert one.error != paired_jackknife(_mean_of(values), _mean_of(values**2), clusters, max_groups=7).error
    for labels in (np.zeros(50, dtype=int), np.arange(3)):
        few = paired_jackknife(_mean_of(values), _mean_of(values), labels)
        assert math.isnan(few.interval().low)
        assert "no interval" in few.method
    with pytest.raises(ValueError, match="at least one"):
        paired_jackknife(_mean_of(values), _mean_of(values), [])


def test_a_detectable_difference_is_found_four_times_in_five() -> None:
    """By simulation, with the difference that one study's interval calls detectable."""
    rng = np.random.default_rng(0)
    n = 40
    pilot = rng.normal(size=n)
    pilot *= 1 / pilot.std(ddof=1)
    _, interval = cluster_mean_interval(pilot, np.arange(n))
    size = detectable_difference(interval, n - 1)
    found = 0
    for _ in range(4000):
        _, other = cluster_mean_interval(rng.normal(size, 1.0, n), np.arange(n))
        found += other.low > 0 or other.high < 0
    assert found / 4000 == pytest.approx(0.8, abs=0.025)


def test_nothing_is_detectable_without_an_interval() -> None:
    assert math.isnan(detectable_difference(Interval(math.nan, math.nan, ""), 3))
