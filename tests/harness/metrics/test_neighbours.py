"""Nearest neighbours in pieces, against all distances at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.metrics import neighbours
from harness.metrics.neighbours import nearest, squared_distances, wide_parts
from harness.rows import as_rows


@given(st.integers(0, 2**32 - 1), st.integers(4, 30), st.integers(1, 5), st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_are_those_of_a_full_sort(seed: int, n: int, d: int, count: int) -> None:
    x = np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)
    places, squares = nearest(as_rows(x), count)
    wide = x.astype(float)
    all_squares = ((wide[:, None] - wide) ** 2).sum(2)
    np.fill_diagonal(all_squares, np.inf)
    expected = np.sort(all_squares, axis=1)[:, :count]
    np.testing.assert_allclose(squares, expected, rtol=1e-9, atol=1e-12)
    at_places = np.take_along_axis(all_squares, places, axis=1)
    np.testing.assert_allclose(at_places, expected, rtol=1e-9, atol=1e-12)


def test_sizes_of_pieces_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    x = as_rows(np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32))
    whole = nearest(x, 5)
    monkeypatch.setattr(neighbours, "wide_parts", lambda rows: wide_parts(rows, 7))
    pieces = nearest(x, 5)
    np.testing.assert_array_equal(pieces[0], whole[0])
    np.testing.assert_allclose(pieces[1], whole[1], rtol=1e-12)


def test_equal_features_are_at_no_distance() -> None:
    x = np.full((3, 2048), 0.1) * np.array([[1.0], [1.0], [2.0]])
    squares = squared_distances(x, x)
    assert squares[0, 1] == 0
    assert squares[2, 2] == 0
    assert squares[0, 2] == pytest.approx(20.48)


def test_too_few_and_what_is_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="3 nearest neighbours need at least 4 pictures, got 3"):
        nearest(as_rows(np.zeros((3, 2), np.float32)), 3)
    with pytest.raises(ValueError, match="NaN"):
        nearest(as_rows(np.full((5, 2), np.inf, np.float32)), 1)
