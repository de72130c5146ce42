"""The definitions of the resizes hold what definitions must: partitions of unity, identity, known weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.selftest.resize_reference import (
    Kernel,
    antialiased_matrix,
    interpolation_matrix,
    resize,
    resize_8bit,
    tensorflow1_matrix,
)

SIDES = st.integers(1, 60)
KERNELS: tuple[Kernel, ...] = ("linear", "cubic")


@given(SIDES, SIDES, st.sampled_from(KERNELS))
def test_weights_add_up_to_one_so_that_an_even_picture_stays_even(old: int, new: int, kernel: Kernel) -> None:
    for matrix in (
        antialiased_matrix(old, new, kernel),
        interpolation_matrix(old, new, kernel=kernel),
        tensorflow1_matrix(old, new),
    ):
        assert matrix.shape == (new, old)
        np.testing.assert_allclose(matrix.sum(1), 1.0, atol=1e-12)


@given(SIDES, st.sampled_from(KERNELS))
def test_the_same_size_is_the_same_picture(side: int, kernel: Kernel) -> None:
    for matrix in (
        antialiased_matrix(side, side, kernel),
        interpolation_matrix(side, side, kernel=kernel),
        tensorflow1_matrix(side, side),
    ):
        np.testing.assert_allclose(matrix, np.eye(side), atol=1e-12)


@given(SIDES, SIDES)
def test_filters_with_half_pixels_are_the_same_from_both_ends(old: int, new: int) -> None:
    for matrix in (antialiased_matrix(old, new, "cubic"), interpolation_matrix(old, new)):
        np.testing.assert_allclose(matrix, matrix[::-1, ::-1], atol=1e-12)


def test_known_weights() -> None:
    np.testing.assert_allclose(interpolation_matrix(2, 4)[:, 0], [1, 0.75, 0.25, 0])
    np.testing.assert_allclose(tensorflow1_matrix(2, 4)[:, 0], [1, 0.5, 0, 0])
    np.testing.assert_allclose(antialiased_matrix(4, 2, "linear")[0], np.array([3, 3, 1, 0]) / 7)
    # Keys' cubic half way between two pixels: (-1, 9, 9, -1) / 16 for a = -1/2, and below for a = -3/4.
    middle = interpolation_matrix(8, 4, kernel="cubic", a=-0.5)[1]
    np.testing.assert_allclose(middle[1:5], np.array([-1, 9, 9, -1]) / 16)
    np.testing.assert_allclose(
        interpolation_matrix(8, 4, kernel="cubic")[1][1:5], np.array([-3, 19, 19, -3]) / 32
    )


def test_eight_bits_round_halves_up_and_stay_in_range() -> None:
    picture = np.array([[[0], [1]]], np.uint8)
    assert resize_8bit(picture, np.eye(1), np.array([[0.5, 0.5]])).item() == 1
    wild = np.array([[[255], [0]]], np.uint8)
    assert resize_8bit(wild, np.eye(1), np.array([[2.0, -1.0], [-1.0, 2.0]])).ravel().tolist() == [255, 0]
    assert resize(wild, np.eye(1), np.array([[2.0, -1.0]])).item() == pytest.approx(510)
