"""The maximum mean discrepancy: its definition, its laws, and its variance where theory knows it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.metrics import mmd as module
from harness.metrics.mmd import gaussian_kernel, mmd, polynomial_kernel
from harness.rows import as_rows

_SEEDS = st.integers(0, 2**32 - 1)


def _features(seed: int, n: int, d: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def _mmd(x: np.ndarray, y: np.ndarray, unbiased: bool = True) -> float:
    return mmd(as_rows(x), as_rows(y), polynomial_kernel, np.arange(len(x)), unbiased=unbiased)[0]


def _by_definition(x: np.ndarray, y: np.ndarray, unbiased: bool) -> float:
    def k(a: np.ndarray, b: np.ndarray) -> float:
        return float((a.astype(float) @ b.astype(float) / len(a) + 1) ** 3)

    own = [k(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j or not unbiased]
    theirs = [k(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j or not unbiased]
    return float(np.mean(own) + np.mean(theirs) - 2 * np.mean([k(a, b) for a in x for b in y]))


@pytest.mark.parametrize("unbiased", [True, False])
def test_is_its_definition(unbiased: bool) -> None:
    x, y = _features(1, 9, 4), _features(2, 7, 4) + 0.5
    assert _mmd(x, y, unbiased) == pytest.approx(_by_definition(x, y, unbiased), rel=1e-12)


def test_closed_form_of_two_pairs() -> None:
    # one dimension: k(a, b) = (ab + 1)^3; x = {0, 1}, y = {2, 3}
    # own pairs k(0,1) = 1, k(2,3) = 343; across (1 + 1 + 27 + 64) / 4
    x, y = np.array([[0.0], [1.0]], np.float32), np.array([[2.0], [3.0]], np.float32)
    assert _mmd(x, y) == pytest.approx(1 + 343 - 2 * 93 / 4, abs=1e-8)


def test_gaussian_kernel_closed_form() -> None:
    kernel = gaussian_kernel(10.0)
    value = kernel(np.array([[3.0, 0.0]]), np.array([[0.0, 4.0], [3.0, 0.0]]))
    np.testing.assert_allclose(value, [[np.exp(-25 / 200), 1.0]], atol=1e-15)


@given(_SEEDS, st.integers(2, 12), st.integers(1, 5))
@settings(max_examples=25, deadline=None)
def test_a_set_is_at_no_biased_distance_from_itself(seed: int, n: int, d: int) -> None:
    """The unbiased estimate is not 0 there but below it by design: it leaves out k(x, x), which is large."""
    x = _features(seed, n, d)
    scale = float(polynomial_kernel(x.astype(float), x.astype(float)).max())
    assert _mmd(x, x, unbiased=False) == pytest.approx(0, abs=1e-12 * scale)
    assert _mmd(x, x) <= 1e-12 * scale


@given(_SEEDS, st.integers(2, 12), st.integers(2, 12), st.booleans())
@settings(max_examples=25, deadline=None)
def test_symmetry_and_order(seed: int, n: int, m: int, unbiased: bool) -> None:
    x, y = _features(seed, n, 3), _features(seed + 1, m, 3)
    value = _mmd(x, y, unbiased)
    assert _mmd(y, x, unbiased) == pytest.approx(value, rel=1e-9, abs=1e-9)
    assert _mmd(x[::-1].copy(), y, unbiased) == pytest.approx(value, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("unbiased", [True, False])
def test_sizes_of_pieces_do_not_matter(unbiased: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = _features(1, 60, 4), _features(2, 50, 4)
    clusters = np.random.default_rng(0).integers(0, 13, 60)
    whole = mmd(as_rows(x), as_rows(y), polynomial_kernel, clusters, unbiased=unbiased)
    monkeypatch.setattr(module, "CHUNK", 7)
    monkeypatch.setattr(
        module, "chunks", lambda rows: (rows.take(np.arange(i, i + 10)) for i in range(0, 50, 10))
    )
    pieces = mmd(as_rows(x), as_rows(y), polynomial_kernel, clusters, unbiased=unbiased)
    assert pieces[0] == pytest.approx(whole[0], rel=1e-12)
    assert (pieces[1].low, pieces[1].high) == pytest.approx((whole[1].low, whole[1].high), rel=1e-10)


@pytest.mark.parametrize("unbiased", [True, False])
def test_the_interval_is_that_of_leaving_each_prompt_out(unbiased: bool) -> None:
    x, y = _features(3, 40, 3) + 1, _features(4, 30, 3)
    clusters = np.concatenate([np.arange(12), np.random.default_rng(1).integers(0, 12, 28)])
    value, interval = mmd(as_rows(x), as_rows(y), polynomial_kernel, clusters, unbiased=unbiased)
    left_out = np.array([_mmd(x[clusters != c], y, unbiased) for c in range(12)])
    variance = 11 / 12 * ((left_out - left_out.mean()) ** 2).sum()
    assert (interval.high - interval.low) / 2 == pytest.approx(2.2009852 * np.sqrt(variance), rel=1e-6)
    assert (interval.low + interval.high) / 2 == pytest.approx(value)


def test_between_like_sets_the_interval_errs_to_the_wide_side() -> None:
    """There nearly all of the variance is from pairs, which a jackknife counts twice: 1.4 times too wide."""
    random = np.random.default_rng(0)
    y = as_rows(random.normal(size=(4000, 8)).astype(np.float32))
    values, errors = [], []
    for _ in range(200):
        x = as_rows(random.normal(size=(50, 8)).astype(np.float32))
        value, interval = mmd(x, y, polynomial_kernel, np.arange(50))
        values.append(value)
        errors.append((interval.high - interval.low) / 2 / 2.0095752)
    claimed = float(np.sqrt(np.mean(np.square(errors))))
    assert 1.0 <= claimed / float(np.std(values, ddof=1)) <= 1.55


def test_too_few_are_refused_or_have_no_interval() -> None:
    with pytest.raises(ValueError, match="at least 2 pictures on each side, got 1 and 5"):
        _mmd(_features(1, 1, 3), _features(2, 5, 3))
    value, interval = mmd(
        as_rows(_features(1, 4, 3)), as_rows(_features(2, 4, 3)), polynomial_kernel, np.zeros(4)
    )
    assert np.isfinite(value)
    assert np.isnan(interval.low)
    assert "too few prompts" in interval.method
    with pytest.raises(ValueError, match="NaN"):
        _mmd(np.full((3, 2), np.nan, np.float32), _features(1, 3, 2))


def test_constant_features() -> None:
    x = np.ones((6, 3), np.float32)
    assert _mmd(x, x) == pytest.approx(0, abs=1e-12)
    assert _mmd(x, np.zeros((6, 3), np.float32)) == pytest.approx(8 + 1 - 2, abs=1e-12)
