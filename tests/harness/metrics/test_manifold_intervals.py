"""The parts of the intervals of shares, where probability theory knows the answer."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from harness.metrics.manifold_intervals import (
    Halves,
    coverage_variance,
    recall_variance,
    share_interval,
    share_variance,
)
from harness.rows import as_rows


@pytest.mark.parametrize("rate", [0.3, 1.0, 3.0])
def test_coverage_of_balls_that_are_hit_independently(rate: float) -> None:
    """Each of C prompts hits a ball with probability r/C: Var = p (1 - p) / m with p = (1 - r/C)^C."""
    random = np.random.default_rng(0)
    prompts, m = 200, 400
    found = [
        coverage_variance(sparse.csr_array((random.random((prompts, m)) < rate / prompts).astype(float)))
        for _ in range(10)
    ]
    empty = (1 - rate / prompts) ** prompts
    assert 0.9 <= np.mean(found) / (empty * (1 - empty) / m) <= 1.35


def test_coverage_of_balls_that_are_hit_together() -> None:
    """m balls at one place are one ball: the variance does not fall with m."""
    random = np.random.default_rng(1)
    single = (random.random((200, 1)) < 1 / 200).astype(float)
    while single.sum() != 1:
        single = (random.random((200, 1)) < 1 / 200).astype(float)
    one = coverage_variance(sparse.csr_array(single))
    many = coverage_variance(sparse.csr_array(np.tile(single, (1, 30))))
    assert many == pytest.approx(one)
    assert coverage_variance(sparse.csr_array((200, 30))) == 0
    assert np.isnan(coverage_variance(sparse.csr_array(np.ones((1, 3)))))


def test_radii_of_halves_are_those_among_the_half() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 3)).astype(np.float32)
    labels = np.arange(120) // 2
    halves = Halves.of(as_rows(x), 3, labels, 6, 0)
    wide = x.astype(float)
    squares = ((wide[:, None] - wide) ** 2).sum(2)
    np.testing.assert_allclose(halves.whole, np.sort(squares, axis=1)[:, 3], rtol=1e-9)
    for radii, half in zip(halves.radii, halves.half, strict=True):
        assert half.sum() == 60
        np.testing.assert_array_equal(half[::2], half[1::2])  # a prompt's pictures stay together
        for side in (half, ~half):
            among = np.sort(squares[np.ix_(side, side)], axis=1)[:, 3]
            np.testing.assert_allclose(radii[side], among, rtol=1e-9)


def test_variance_of_a_share_counts_prompts() -> None:
    values = np.array([1.0, 0, 1, 1, 0, 0, 1, 0])
    alone = share_variance(values, np.arange(8))
    assert alone == pytest.approx(values.var(ddof=1) / 8)
    doubled = share_variance(values.repeat(3), np.arange(8).repeat(3))
    assert doubled == pytest.approx(alone)
    assert np.isnan(share_variance(values, np.zeros(8)))


def test_recall_variance_is_that_of_halves_over_the_root_of_two() -> None:
    assert recall_variance(np.array([[0.5, 0.7], [0.6, 0.6]])) == pytest.approx(0.01 / np.sqrt(2))
    assert np.isnan(recall_variance(np.empty((0, 2))))


def test_wilsons_interval() -> None:
    """8 of 10 independent answers, z = 1.96 for many prompts: 0.49 to 0.94 (Newcombe 1998)."""
    _, interval = share_interval(0.8, 0.8 * 0.2 / 10, 10**6, 10, "x")
    assert (interval.low, interval.high) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    _, all_held = share_interval(1.0, 0.0, 10**6, 20, "x")
    assert (all_held.low, all_held.high) == pytest.approx((0.8389, 1.0), abs=1e-4)
    value, none = share_interval(0.5, float("nan"), 50, 50, "x")
    assert value == 0.5
    assert np.isnan(none.low)
