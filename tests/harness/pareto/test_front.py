"""Fronts and hypervolumes against definitions that are too slow to use."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.pareto.front import gains, hypervolume, knee, non_dominated

whole = st.integers(-6, 6)
point_lists = st.lists(st.tuples(whole, whole), max_size=12)


def dominates(a: tuple[float, float], b: tuple[float, float]) -> bool:
    return a[0] >= b[0] and a[1] >= b[1] and a != b


def unit_squares(points: list[tuple[int, int]], reference: tuple[int, int]) -> int:
    """How many squares of side 1 lie between the reference and some point: the area, counted."""
    cells = itertools.product(range(reference[0], 7), range(reference[1], 7))
    return sum(any(x + 1 <= p[0] and y + 1 <= p[1] for p in points) for x, y in cells)


@given(point_lists)
def test_the_front_is_what_nothing_dominates(points: list[tuple[int, int]]) -> None:
    wanted = [not any(dominates(other, point) for other in points) for point in points]
    assert non_dominated(points).tolist() == wanted


@given(point_lists, st.tuples(whole, whole))
def test_the_hypervolume_is_the_counted_area(
    points: list[tuple[int, int]], reference: tuple[int, int]
) -> None:
    assert hypervolume(points, reference) == unit_squares(points, reference)


@given(point_lists, st.tuples(whole, whole), st.tuples(whole, whole), st.randoms())
def test_the_hypervolume_grows_and_only_the_front_counts(
    points: list[tuple[int, int]], more: tuple[int, int], reference: tuple[int, int], shuffler
) -> None:
    area = hypervolume(points, reference)
    larger = hypervolume([*points, more], reference)
    assert larger >= area
    if any(dominates(point, more) or point == more for point in points):
        assert larger == area
    mixed = list(points)
    shuffler.shuffle(mixed)
    assert hypervolume(mixed, reference) == area
    on = non_dominated(points)
    assert hypervolume([p for p, there in zip(points, on, strict=True) if there], reference) == area


@given(point_lists)
def test_equal_scales_and_shifts_scale_the_area(points: list[tuple[int, int]]) -> None:
    p = np.array(points, dtype=float).reshape(-1, 2)
    moved = p * [4.0, 0.5] + [3.0, -2.0]
    assert hypervolume(moved, (-25.0, -6.0)) == pytest.approx(2.0 * hypervolume(p, (-7.0, -8.0)))
    assert (non_dominated(moved) == non_dominated(p)).all()


def test_points_without_a_score_are_on_no_front_and_dominate_nothing() -> None:
    points = [(1.0, np.nan), (0.5, 0.5), (np.inf, 0.0), (np.nan, np.nan)]
    assert non_dominated(points).tolist() == [False, True, False, False]
    assert hypervolume(points, (0.0, 0.0)) == 0.25


def test_gains_turn_what_is_better_when_lower() -> None:
    assert gains([[0.9, 210.0]], ("higher", "lower")).tolist() == [[0.9, -210.0]]


def test_the_knee_is_the_point_farthest_above_the_chord() -> None:
    assert knee([(0, 10), (7, 9), (9, 6), (10, 0), (5, 5)]) == 1
    assert knee([(0, 10), (5, 5), (10, 0)]) is None  # a straight front has none
    assert knee([(0, 10), (10, 0)]) is None
    assert knee([]) is None


def test_points_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(n, 2\)"):
        hypervolume([[1.0, 2.0, 3.0]], (0, 0))
