"""Bootstraps over clusters and over two crossed factors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.stats import cluster_bootstrap, cluster_mean_interval, two_way_bootstrap


def _clustered(rng: np.random.Generator, clusters: int) -> tuple[np.ndarray, np.ndarray]:
    """Skewed values with a shared part for each cluster and 1 to 4 values in it; their expectation is 0."""
    labels = np.repeat(np.arange(clusters), rng.integers(1, 5, clusters))
    shared = rng.exponential(1.0, clusters) - 1.0
    return shared[labels] + rng.normal(0.0, 0.5, labels.size), labels


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(7)
    runs = 400
    hits = {"t": 0, "bootstrap": 0, "naive": 0}
    for run in range(runs):
        values, labels = _clustered(rng, 40)
        _, robust = cluster_mean_interval(values, labels)
        _, boot = cluster_bootstrap(values, labels, resamples=400, seed=run)
        _, naive = cluster_mean_interval(values, np.arange(values.size))
        hits["t"] += robust.low <= 0 <= robust.high
        hits["bootstrap"] += boot.low <= 0 <= boot.high
        hits["naive"] += naive.low <= 0 <= naive.high
    assert hits["t"] / runs == pytest.approx(0.94, abs=0.03)
    assert hits["bootstrap"] / runs == pytest.approx(0.93, abs=0.035)
    assert hits["naive"] / runs < 0.85  # what ignoring the clusters would claim as 95%


def test_bootstrap_of_the_mean_agrees_with_the_general_path() -> None:
    values, labels = _clustered(np.random.default_rng(1), 25)
    fast = cluster_bootstrap(values, labels, resamples=300, seed=3)
    slow = cluster_bootstrap(values, labels, lambda rows: float(rows.mean()), resamples=300, seed=3)
    assert fast[0] == pytest.approx(slow[0])
    assert (fast[1].low, fast[1].high) == pytest.approx((slow[1].low, slow[1].high))


def test_bootstrap_answers_the_same_for_a_seed_and_otherwise_not() -> None:
    values, labels = _clustered(np.random.default_rng(1), 25)
    assert cluster_bootstrap(values, labels, seed=1) == cluster_bootstrap(values, labels, seed=1)
    assert cluster_bootstrap(values, labels, seed=1)[1] != cluster_bootstrap(values, labels, seed=2)[1]


def _crossed(seed: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rows, columns = np.repeat(np.arange(height), width), np.tile(np.arange(width), height)
    values = rng.normal(size=height)[rows] + rng.normal(size=width)[columns] + rng.normal(size=rows.size)
    return values, rows, columns


@given(st.integers(0, 1000), st.integers(2, 8), st.integers(2, 8))
@settings(max_examples=30, deadline=None)
def test_two_ways_are_exchangeable_and_labels_do_not_matter(seed: int, height: int, width: int) -> None:
    values, rows, columns = _crossed(seed, height, width)
    estimate, interval = two_way_bootstrap(values, rows, columns, resamples=200, seed=seed)
    named = [f"p{9 - r}" for r in rows]
    other, same = two_way_bootstrap(values, named, columns, resamples=200, seed=seed)
    assert (other, same) == (estimate, interval)
    assert estimate == pytest.approx(values.mean())
    assert interval.low < interval.high


def test_two_way_bootstrap_of_the_mean_agrees_with_the_general_path() -> None:
    values, rows, columns = _crossed(0, 12, 7)
    values, rows, columns = values[5:], rows[5:], columns[5:]  # pairs may be missing

    def mean(weights: np.ndarray) -> float:
        return float(weights @ values / weights.sum())

    fast = two_way_bootstrap(values, rows, columns, resamples=700, seed=3)
    slow = two_way_bootstrap(values, rows, columns, mean, resamples=700, seed=3)
    assert slow[0] == pytest.approx(fast[0])
    assert (slow[1].low, slow[1].high) == pytest.approx((fast[1].low, fast[1].high))
    assert fast[1] != two_way_bootstrap(values, rows, columns, resamples=700, seed=4)[1]


def test_two_way_bootstrap_sees_what_one_way_does_not() -> None:
    """Few columns that differ: their spread is in the interval, and clustering by rows alone misses it."""
    values, rows, columns = _crossed(1, 200, 12)
    _, both = two_way_bootstrap(values, rows, columns, resamples=500)
    _, one = cluster_bootstrap(values, rows, resamples=500)
    assert both.high - both.low > 2 * (one.high - one.low)


@pytest.mark.parametrize(("rows", "columns"), [([0, 0], [0, 1]), ([0, 1], [0, 0])])
def test_one_level_of_a_factor_gives_no_two_way_interval(rows: list[int], columns: list[int]) -> None:
    estimate, interval = two_way_bootstrap([1.0, 3.0], rows, columns)
    assert estimate == 2.0
    assert np.isnan([interval.low, interval.high]).all()
