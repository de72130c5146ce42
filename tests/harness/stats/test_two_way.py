"""The mean over two crossed random factors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.stats import cluster_mean_interval, two_way_mean


def _table(seed: int, height: int, width: int, of_row: float = 1.0, of_column: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(height, width))
    return of_row * rng.normal(size=(height, 1)) + of_column * rng.normal(size=(1, width)) + noise


def _labels(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    return np.repeat(np.arange(height), width), np.tile(np.arange(width), height)


@given(st.integers(0, 1000), st.integers(2, 9), st.integers(2, 9))
@settings(deadline=None)
def test_a_full_table_gives_the_analysis_of_variance(seed: int, height: int, width: int) -> None:
    table = _table(seed, height, width)
    estimate = two_way_mean(table.ravel(), *_labels(height, width))
    of_rows = width * table.mean(1).var(ddof=1)
    of_columns = height * table.mean(0).var(ddof=1)
    left = table - table.mean(1, keepdims=True) - table.mean(0) + table.mean()
    noise = (left**2).sum() / (height - 1) / (width - 1)
    variance = (noise + max(0, of_rows - noise) + max(0, of_columns - noise)) / table.size
    assert estimate.value == pytest.approx(table.mean())
    assert estimate.error == pytest.approx(math.sqrt(variance))
    assert estimate.degrees >= 1


@given(st.integers(0, 1000))
@settings(deadline=None, max_examples=30)
def test_factors_are_exchangeable_and_order_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, columns = _labels(8, 5)
    stay = rng.permutation(rows.size)[:33]  # some pairs missing, in any order
    values = _table(seed, 8, 5).ravel()
    one = two_way_mean(values[stay], rows[stay], columns[stay])
    other = two_way_mean(values[stay][::-1], columns[stay][::-1], [f"p{r}" for r in rows[stay][::-1]])
    assert other.value == pytest.approx(one.value)
    assert other.error == pytest.approx(one.error)
    assert other.degrees == pytest.approx(one.degrees)


def test_without_an_effect_of_columns_it_is_the_interval_over_rows() -> None:
    rows, columns = _labels(150, 4)
    values = (
        np.arange(150.0)[:, None] + np.array([[-1.0, 1, -1, 1]]) * (-1) ** np.arange(150)[:, None]
    ).ravel()
    two = two_way_mean(values, rows, columns).interval()
    _, one = cluster_mean_interval(values, rows)
    assert (two.low, two.high) == pytest.approx((one.low, one.high), rel=1e-6)


def test_shared_noise_of_columns_is_seen_and_ignoring_it_is_not_enough() -> None:
    rows, columns = _labels(200, 4)
    values = _table(3, 200, 4, of_column=0.5).ravel()
    two = two_way_mean(values, rows, columns).interval()
    _, one = cluster_mean_interval(values, rows)
    assert two.high - two.low > 2 * (one.high - one.low)


@pytest.mark.parametrize(
    ("rows", "columns"), [([0, 0, 0], [0, 1, 2]), ([0, 1, 2], [0, 0, 0]), ([0, 1, 2], [0, 1, 2])]
)
def test_what_cannot_be_told_apart_has_no_interval(rows: list[int], columns: list[int]) -> None:
    estimate = two_way_mean([1.0, 2.0, 3.0], rows, columns)
    assert estimate.value == 2.0
    assert math.isnan(estimate.interval().low)
    assert math.isnan(estimate.p)


def test_a_pair_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="two values of one pair"):
        two_way_mean([1.0, 2.0, 3.0], [0, 0, 1], [1, 1, 0])


def test_equal_values_have_no_error() -> None:
    estimate = two_way_mean(np.full(6, 2.0), *_labels(3, 2))
    assert (estimate.error, estimate.p) == (0.0, 0.0)
    assert two_way_mean(np.zeros(6), *_labels(3, 2)).p == 1.0
