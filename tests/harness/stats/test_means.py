"""Intervals of means and mean differences that respect prompts as clusters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats as scipy_stats

from harness.stats import cluster_mean_interval, mean_difference_interval, t_quantile

_VALUES = hnp.arrays(np.float64, st.integers(2, 30), elements=st.floats(-100, 100))


@given(_VALUES)
def test_one_value_a_cluster_is_students_interval(values: np.ndarray) -> None:
    mean, interval = cluster_mean_interval(values, np.arange(values.size))
    error = values.std(ddof=1) / np.sqrt(values.size)
    low, high = mean - error * scipy_stats.t.ppf(0.975, values.size - 1), mean
    assert mean == pytest.approx(values.mean())
    assert interval.low == pytest.approx(low, abs=1e-9)
    assert high - interval.low == pytest.approx(interval.high - mean, abs=1e-9)


@given(_VALUES, st.integers(2, 5))
def test_repeating_a_value_within_its_cluster_adds_no_certainty(values: np.ndarray, times: int) -> None:
    clusters = np.arange(values.size)
    _, once = cluster_mean_interval(values, clusters)
    _, often = cluster_mean_interval(values.repeat(times), clusters.repeat(times))
    assert (often.low, often.high) == pytest.approx((once.low, once.high), abs=1e-9)


@given(_VALUES, st.randoms(use_true_random=False))
def test_order_and_labels_do_not_matter(values: np.ndarray, random) -> None:  # type: ignore[no-untyped-def]
    clusters = np.arange(values.size) // 2
    order = list(range(values.size))
    random.shuffle(order)
    names = np.array([f"prompt {9 - c}" for c in clusters])
    mean, interval = cluster_mean_interval(values, clusters)
    other_mean, other = cluster_mean_interval(values[order], names[order])
    assert other_mean == pytest.approx(mean, abs=1e-9)
    assert (other.low, other.high) == pytest.approx((interval.low, interval.high), abs=1e-9, nan_ok=True)


def test_one_cluster_gives_the_bounds_or_nothing() -> None:
    _, bounded = cluster_mean_interval([1.0, 2.0], ["a", "a"], bounds=(0.0, 100.0))
    assert (bounded.low, bounded.high) == (0.0, 100.0)
    _, unbounded = cluster_mean_interval([1.0, 2.0], ["a", "a"])
    assert np.isnan([unbounded.low, unbounded.high]).all()


@pytest.mark.parametrize("right", [0, 3, 20])
def test_right_or_wrong_gets_wilsons_interval(right: int) -> None:
    values = np.arange(20) < right
    mean, interval = cluster_mean_interval(values, np.arange(20), bounds=(0.0, 1.0))
    t2 = scipy_stats.t.ppf(0.975, 19) ** 2
    n = 20 if right in (0, 20) else 19  # Student's variance is p(1-p) / (n-1)
    middle, half = (mean + t2 / 2 / n), np.sqrt(t2 * mean * (1 - mean) / n + (t2 / 2 / n) ** 2)
    expected = ((middle - half) / (1 + t2 / n), (middle + half) / (1 + t2 / n))
    assert (interval.low, interval.high) == pytest.approx(expected, abs=1e-12)


def test_all_right_is_not_certainty_and_samples_of_a_prompt_are_not_more_of_it() -> None:
    _, interval = cluster_mean_interval(np.ones(10), np.arange(10), bounds=(0.0, 1.0))
    _, often = cluster_mean_interval(np.ones(40), np.arange(40) // 4, bounds=(0.0, 1.0))
    assert (often.low, often.high) == (interval.low, interval.high)
    assert 0.6 < interval.low < 0.75
    assert interval.high == 1.0


_SHARES = hnp.arrays(np.float64, st.integers(2, 30), elements=st.floats(0, 1))


@given(_SHARES, st.integers(1, 4), st.floats(-50, 50), st.floats(0.01, 100))
def test_a_bounded_mean_lies_within_its_interval_and_that_within_the_bounds(
    shares: np.ndarray, samples: int, low: float, scale: float
) -> None:
    bounds = (low, low + scale)
    clusters = np.arange(shares.size) // samples
    mean, interval = cluster_mean_interval(low + scale * shares, clusters, bounds=bounds)
    room = 1e-9 * (abs(low) + scale)
    assert low - room <= interval.low <= mean + room
    assert mean - room <= interval.high <= low + scale + room
    _, mirrored = cluster_mean_interval(low + scale * (1 - shares), clusters, bounds=bounds)
    assert mirrored.low - low == pytest.approx(low + scale - interval.high, abs=1e-6 * scale + room)


@given(st.integers(0, 1000))
def test_far_from_both_bounds_the_interval_is_students(seed: int) -> None:
    values = 30 + 3 * np.random.default_rng(seed).normal(size=100)
    _, student = cluster_mean_interval(values, np.arange(100))
    _, bounded = cluster_mean_interval(values, np.arange(100), bounds=(0.0, 100.0))
    assert bounded.high - bounded.low == pytest.approx(student.high - student.low, rel=1e-3)
    assert bounded.low == pytest.approx(student.low, abs=0.02 * (student.high - student.low))


@pytest.mark.parametrize("wrong", [-0.1, 1.1])
def test_values_outside_the_bounds_are_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="not within"):
        cluster_mean_interval([0.5, wrong], [0, 1], bounds=(0.0, 1.0))
    with pytest.raises(ValueError, match="not within"):
        mean_difference_interval([0.5, 0.5], [0.5, wrong], [0, 1], bounds=(0.0, 1.0))


@given(_SHARES, st.integers(1, 3), st.integers(0, 1000), st.booleans())
def test_exchanging_the_two_sides_mirrors_the_difference(
    a: np.ndarray, samples: int, seed: int, binary: bool
) -> None:
    b = np.random.default_rng(seed).random(a.size)
    if binary:
        a, b = a.round(), b.round()
    clusters = np.arange(a.size) // samples
    mean, interval = mean_difference_interval(a, b, clusters, bounds=(0.0, 1.0))
    opposite, mirrored = mean_difference_interval(b, a, clusters, bounds=(0.0, 1.0))
    assert opposite == pytest.approx(-mean, abs=1e-12)
    assert (mirrored.low, mirrored.high) == pytest.approx((-interval.high, -interval.low), abs=1e-9)
    assert -1 <= interval.low <= mean + 1e-12
    assert mean - 1e-12 <= interval.high <= 1


def test_a_difference_of_scores_is_students_of_the_differences() -> None:
    rng = np.random.default_rng(0)
    a, b, clusters = rng.uniform(20, 40, 60), rng.uniform(20, 40, 60), np.arange(60) // 2
    with_bounds = mean_difference_interval(a, b, clusters, bounds=(0.0, 100.0))
    assert with_bounds == mean_difference_interval(a, b, clusters) == cluster_mean_interval(b - a, clusters)
    same = mean_difference_interval(a, a, clusters, bounds=(0.0, 100.0))[1]
    assert (same.low, same.high) == (0.0, 0.0)


def test_two_models_always_right_are_not_certain_to_be_equal() -> None:
    ones = np.ones(50)
    mean, interval = mean_difference_interval(ones, ones, np.arange(50), bounds=(0.0, 1.0))
    assert mean == 0
    assert interval.high == -interval.low
    assert 0.05 < interval.high < 0.1
    _, one_prompt = mean_difference_interval([1.0], [1.0], ["a"], bounds=(0.0, 1.0))
    assert (one_prompt.low, one_prompt.high) == (-1.0, 1.0)


def test_t_quantile_is_scipys() -> None:
    assert t_quantile(0.95, 7) == pytest.approx(scipy_stats.t.ppf(0.975, 7))


@pytest.mark.parametrize("values", [[], [1.0]])
def test_unequal_or_empty_input_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="clusters"):
        cluster_mean_interval(values, [0, 1] if values else [])
