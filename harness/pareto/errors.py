"""What two scores of the same pictures say together: their covariance, an ellipse, and a front's errors.

All points of a figure show the same prompts and start from the same noise. So prompts are dealt into groups
once, and each group is left out of both scores of every point at a time: a delete-a-group jackknife of all
numbers together, from which the error of any function of them follows, such as a hypervolume.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import fdtri

from harness.pareto.front import hypervolume
from harness.stats import Interval, t_quantile

GROUPS = 40
Matrix = NDArray[np.float64]


def deal_prompts(prompts: Sequence[str], most: int = GROUPS, seed: int = 0) -> dict[str, int]:
    """Each of the prompts' ids with its group, 0..G-1, dealt at random into groups of nearly equal size.

    G is `most`, or the number of prompts where that is less.
    """
    order = np.random.default_rng(seed).permutation(len(prompts))
    groups = min(most, len(prompts))
    return {prompts[int(place)]: number % groups for number, place in enumerate(order)}


def jackknife_covariance(left_out: ArrayLike) -> Matrix:
    """(G-1)/G * sum of the outer products of deviations, (k, k), of the k numbers without each of G groups.

    `left_out` (G, k). NaN below two groups.
    """
    values = np.asarray(left_out, dtype=np.float64)
    groups, numbers = values.shape
    if groups < 2:
        return np.full((numbers, numbers), np.nan)
    deviations = values - values.mean(0)
    return np.asarray((groups - 1) / groups * (deviations.T @ deviations), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Ellipse:
    """Half axes, long one first, and the angle in degrees of the long one from the first score's axis."""

    long: float
    short: float
    angle: float


def confidence_ellipse(covariance: ArrayLike, groups: int, level: float = 0.95) -> Ellipse | None:
    """The region that holds the true pair of scores with probability `level`, by Hotelling's T squared.

    `covariance` (2, 2) of the two scores from `groups` jackknife groups, so that the squared half axes are
    2 (G-1) / (G-2) * F(2, G-2) times its eigenvalues. None where there are fewer than 3 groups or the
    covariance is not finite.
    """
    matrix = np.asarray(covariance, dtype=np.float64)
    if groups < 3 or not np.isfinite(matrix).all():
        return None
    values, vectors = np.linalg.eigh(matrix)
    scale = 2 * (groups - 1) / (groups - 2) * float(fdtri(2, groups - 2, level))
    short, long = np.sqrt(np.maximum(values, 0.0) * scale)
    x, y = vectors[:, 1]
    return Ellipse(float(long), float(short), math.degrees(math.atan2(y, x)) % 180.0)


def jackknife_interval(
    value: float, left_out: ArrayLike, *, level: float = 0.95, least: float = -math.inf
) -> Interval:
    """value +- t(G-1) standard errors, from the number (G,) without each group; the low end is at `least`."""
    values = np.asarray(left_out, dtype=np.float64)
    groups = values.size
    error = math.sqrt(float(jackknife_covariance(values[:, None])[0, 0]))
    if math.isnan(error):
        return Interval(math.nan, math.nan, "too few prompts: no interval can be estimated")
    half = t_quantile(level, groups - 1) * error
    method = f"{level:.0%} jackknife over {groups} groups of prompts, all points together"
    return Interval(max(least, value - half), value + half, method)


def hypervolume_interval(
    points: ArrayLike, left_out: ArrayLike, reference: ArrayLike, *, level: float = 0.95
) -> tuple[float, Interval]:
    """Hypervolume of gains (n, 2) and its interval from gains (n, G, 2) without each group.

    The reference point is held fixed. With few pictures the value is too large by a little, as the front of
    noisy points is made of those that were lucky; that bias is not in the interval.
    """
    value = hypervolume(points, reference)
    without = np.asarray(left_out, dtype=np.float64)
    replicates = [hypervolume(without[:, g], reference) for g in range(without.shape[1])]
    return value, jackknife_interval(value, replicates, level=level, least=0.0)


def without_each(
    value: Callable[[NDArray[np.intp]], float],
    groups: Sequence[int],
    count: int,
    advance: Callable[[int], None] = lambda done: None,
) -> Matrix:
    """A number over all but each group's pictures, (count,).

    `value(places)` takes rising places of pictures; `groups` has the group of each. A group without pictures
    leaves the number as it is. `advance(1)` is called after each. Raises ValueError where the number cannot
    be had without a group.
    """
    of_row = np.asarray(groups, dtype=np.intp)
    places = np.arange(of_row.size)
    whole: float | None = None
    numbers = np.empty(count)
    for group in range(count):
        stay = places[of_row != group]
        if stay.size == of_row.size:
            whole = value(places) if whole is None else whole
            numbers[group] = whole
        else:
            numbers[group] = value(stay)
        advance(1)
    return numbers
