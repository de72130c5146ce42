"""Intervals and tests that respect prompts as clusters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats as scipy_stats

from harness.stats import cluster_bootstrap, cluster_mean_interval, sign_flip_test, t_quantile

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


def test_interval_is_cut_at_the_bounds() -> None:
    _, interval = cluster_mean_interval([0.0, 1.0, 99.0], [0, 1, 2], bounds=(0.0, 100.0))
    assert interval.low == 0.0
    assert interval.high == 100.0


def test_t_quantile_is_scipys() -> None:
    assert t_quantile(0.95, 7) == pytest.approx(scipy_stats.t.ppf(0.975, 7))


@pytest.mark.parametrize("values", [[], [1.0]])
def test_unequal_or_empty_input_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="clusters"):
        cluster_mean_interval(values, [0, 1] if values else [])


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


def test_exact_sign_flip_p_values() -> None:
    assert sign_flip_test([1.0, 2.0, 3.0], alternative="greater").p == pytest.approx(1 / 8)
    assert sign_flip_test([1.0, 2.0, 3.0]).p == pytest.approx(2 / 8)
    assert sign_flip_test([1.0, 2.0, 3.0], alternative="less").p == 1.0
    assert sign_flip_test([0.0, 0.0]).p == 1.0


def test_random_flips_approach_the_exact_p_value() -> None:
    differences = np.random.default_rng(3).normal(0.3, 1.0, 12)
    exact = sign_flip_test(differences, alternative="greater")
    drawn = sign_flip_test(differences, alternative="greater", resamples=4000)
    assert "exact" in exact.method
    assert "exact" not in drawn.method
    assert drawn.p == pytest.approx(exact.p, abs=0.03)


def test_flipping_by_cluster_is_a_test_of_the_clusters_sums() -> None:
    by_cluster = sign_flip_test([1.0, 1.0, 2.0, -0.5], clusters=["a", "a", "b", "b"], alternative="greater")
    assert by_cluster.n == 2
    assert by_cluster.p == sign_flip_test([2.0, 1.5], alternative="greater").p


def test_p_is_small_for_a_clear_difference_and_never_zero() -> None:
    result = sign_flip_test(np.full(300, 1.0), alternative="greater", resamples=2000)
    assert result.p == pytest.approx(1 / 2001)


def test_p_is_uniform_under_the_null() -> None:
    rng = np.random.default_rng(11)
    p = np.array([sign_flip_test(rng.normal(size=11), resamples=300, seed=i).p for i in range(300)])
    assert np.mean(p <= 0.05) < 0.09
    assert np.mean(p <= 0.5) == pytest.approx(0.5, abs=0.09)
