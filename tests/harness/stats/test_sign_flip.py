"""The sign-flip test: exact values, and its p under the null hypothesis."""

from __future__ import annotations

import numpy as np
import pytest

from harness.stats import sign_flip_test


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
