"""The adaptive sweep on a model of which the front is known."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.pareto.adaptive import best_corner, next_weight, short_number
from harness.pareto.front import hypervolume, non_dominated

REFERENCE = np.array([0.0, -40.0])
GROUPS = 40


def scores(w: float) -> np.ndarray:
    """Alignment rises up to w = 6 and falls again, quality peaks at w = 1.7: the front is 1.7..6."""
    u = math.log(w)
    return np.array([0.9 - 0.12 * (u - math.log(6)) ** 2, -10.0 - 6.0 * (u - math.log(1.7)) ** 2])


def sweep(
    noise: float, weights: list[float], most: int = 40, truth: Callable[[float], np.ndarray] = scores
) -> tuple[list[float], str, np.ndarray]:
    """Runs the loop as the command does, on shared noise; returns weights, why it stopped, and points."""
    shared = np.random.default_rng(3).normal(size=(GROUPS, 2)) * noise * [0.01, 1.0]
    at = sorted(weights)
    while True:
        points = np.array([truth(w) for w in at])
        left_out = points[:, None, :] + shared / math.sqrt(GROUPS - 1)
        proposal = next_weight(at, points, left_out, REFERENCE, most=most)
        if proposal.weight is None:
            return at, proposal.why, points
        assert at[0] < proposal.weight < at[-1]
        assert proposal.weight not in at
        at = sorted([*at, proposal.weight])


def true_area() -> float:
    return hypervolume([scores(w) for w in np.geomspace(1, 10, 4000)], REFERENCE)


def test_it_finds_the_front_and_stops_of_itself() -> None:
    at, why, points = sweep(noise=0.3, weights=[1.0, 10.0])
    assert "at best" in why
    area = hypervolume(points, REFERENCE)
    half = 2.02 * 0.3 * math.hypot(0.01 * 30, 0.9)  # about the interval's half-width
    assert true_area() - area <= half
    assert len(at) <= 16
    front = [w for w, on in zip(at, non_dominated(points), strict=True) if on]
    assert 1.5 <= front[0] <= 2.0
    assert 5.0 <= front[-1] <= 7.0
    beyond = [w for w in at if 7.0 < w < 10.0]  # dominated: hardly looked at
    assert len(beyond) <= 2


def test_less_noise_asks_for_more_points_and_comes_closer() -> None:
    rough, _, of_rough = sweep(noise=1.0, weights=[1.0, 3.0, 10.0])
    fine, _, of_fine = sweep(noise=0.1, weights=[1.0, 3.0, 10.0])
    assert len(rough) < len(fine)
    missing = [true_area() - hypervolume(points, REFERENCE) for points in (rough and of_rough, of_fine)]
    assert missing[1] < missing[0]


def test_the_limit_and_the_narrowest_gap_are_kept() -> None:
    at, why, _ = sweep(noise=1e-9, weights=[1.0, 10.0], most=7)
    assert len(at) == 7
    assert "7 points are there" in why
    at, why, _ = sweep(noise=0.0, weights=[1.0, 10.0], most=500)
    assert "too narrow" in why
    assert len(at) < 60


def test_a_sweep_over_numbers_with_0_is_halved_in_the_middle() -> None:
    points = np.array([[0.2, -20.0], [0.6, -30.0]])
    proposal = next_weight([0.0, 8.0], points, points[:, None, :].repeat(GROUPS, 1), REFERENCE, most=9)
    assert proposal.weight == 4.0


def test_a_dominated_curve_is_left_alone() -> None:
    """Both scores fall all the way: no point between can be better than the first."""
    at, why, _ = sweep(0.2, [1.0, 2.0, 5.0, 10.0], truth=lambda w: np.array([1 / w, -10.0 - w]))
    assert len(at) <= 6
    assert max(set(at) - {2.0, 5.0, 10.0}) < 2.0  # only beside the first, where a peak could hide
    assert "at best" in why


@settings(max_examples=80, deadline=None)
@given(
    peak=st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)),
    width=st.tuples(st.floats(0.1, 3.0), st.floats(0.1, 3.0)),
    gap=st.integers(0, 4),
    inside=st.floats(0.0, 1.0),
)
def test_the_corner_bounds_concave_curves(
    peak: tuple[float, float], width: tuple[float, float], gap: int, inside: float
) -> None:
    u = np.array([0.0, 0.1, 0.35, 0.5, 0.8, 1.0])

    def curve(x: np.ndarray) -> np.ndarray:
        return np.stack([-(((x - p) / w) ** 2) for p, w in zip(peak, width, strict=True)], axis=-1)

    x = u[gap] + inside * (u[gap + 1] - u[gap])
    assert (curve(np.array(x)) <= best_corner(u, curve(u), gap) + 1e-9).all()


def test_weights_are_short_numbers() -> None:
    assert short_number(3.1622776, 1.0, 10.0) == 3.2
    assert short_number(1.118034, 1.0, 1.25) == 1.1
    value = short_number(7.0710678, 7.05, 7.09)
    assert value == 7.07
    assert short_number(1.0, 1.0, 1.0) is None


@pytest.mark.parametrize("weights", [[1.0], [1.0, 1.0], [2.0, 1.0]])
def test_weights_must_rise(weights: list[float]) -> None:
    points = np.zeros((len(weights), 2))
    with pytest.raises(ValueError, match="rising"):
        next_weight(weights, points, points[:, None, :], REFERENCE, most=9)
