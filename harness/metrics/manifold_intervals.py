"""How far precision, recall and coverage would move with other prompts and seeds.

A bootstrap cannot tell: it draws pictures twice, and a picture beside itself makes balls of radius 0 and
covers nothing new. The jackknife over prompts gives intervals up to twice too wide for recall and coverage,
as both are mostly about pictures that several prompts reach. benchmarks/coverage.py shows how often these
cover.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from harness.metrics.jackknife import Labels, no_interval
from harness.metrics.neighbours import nearest
from harness.moments import Matrix
from harness.rows import Rows
from harness.stats import Interval, t_quantile

_COLUMNS = 512


@dataclass(frozen=True)
class Halves:
    """Radii of generated balls, in the whole set and in random halves of its prompts.

    `whole` (n,) holds squared radii of the whole set; `radii` (splits, n) those among the pictures of the
    same half, `half` (splits, n) which of the two a picture is in. There are no splits where prompts are few.
    """

    whole: Matrix
    radii: Matrix
    half: NDArray[np.bool_]

    @classmethod
    def of(cls, rows: Rows, k: int, labels: Labels, splits: int, seed: int) -> Halves:
        """Balls up to the k-th nearest neighbour, prompts (`labels`, (n,)) halved at random by `seed`.

        Only the nearest pictures of the whole set are searched for those of a half: 8k of them and 64 at
        least, so that k are in it nearly always, and otherwise the last one's distance is taken.
        """
        n, prompts = len(rows), int(labels.max(initial=-1)) + 1
        possible = prompts >= 4 and n >= 4 * (k + 1)
        places, squares = nearest(rows, min(n - 1, max(8 * k, 64)) if possible else k)
        whole = squares[:, k - 1]
        if not possible:
            return cls(whole, np.empty((0, n)), np.empty((0, n), dtype=bool))
        random = np.random.default_rng(seed)
        radii, half = np.empty((splits, n)), np.empty((splits, n), dtype=bool)
        for i in range(splits):
            half[i] = (random.permutation(prompts) % 2 == 0)[labels]
            beside = np.cumsum(half[i][places] == half[i][:, None], axis=1) >= k
            at = np.where(beside[:, -1], beside.argmax(1), places.shape[1] - 1)
            radii[i] = squares[np.arange(n), at]
        return cls(whole, radii, half)

    def reach(self, squares: Matrix, here: Labels, there: Labels, reached: NDArray[np.bool_]) -> None:
        """Notes in `reached` (splits, 2, m) which reference pictures the balls of each half hold.

        `squares` (len(here), len(there)) are squared distances of generated and reference pictures.
        """
        if not len(self.radii):
            return
        row, column = np.nonzero(squares <= self.radii[:, here].max(0)[:, None])
        near = squares[row, column]
        row, column = here[row], there[column]
        for i, (radii, half) in enumerate(zip(self.radii, self.half, strict=True)):
            held = near <= radii[row]
            reached[i, half[row[held]].astype(np.intp), column[held]] = True


def share_variance(values: Matrix, clusters: Labels) -> float:
    """Variance of the mean of values (n,) that prompts (`clusters`, (n,)) share; NaN for one prompt."""
    labels = np.unique(np.asarray(clusters), return_inverse=True)[1].reshape(-1)
    sums = np.bincount(labels, values - values.mean())
    if sums.size < 2:
        return float("nan")
    return float(sums.size / (sums.size - 1) * (sums @ sums)) / values.size**2


def recall_variance(recalls: Matrix) -> float:
    """Variance of recall from that of the two halves of each split (splits, 2); NaN without splits.

    A mean's variance would be half that of a half. Recall's falls more slowly: with more pictures the balls
    shrink, and reference pictures share fewer of them. In simulations it falls by 2^0.45 to 2^1.3, 2^0.75 in
    the middle; 2^0.5 is taken, as too wide is better than too narrow.
    """
    return float(np.var(recalls, axis=1, ddof=1).mean() / np.sqrt(2)) if recalls.size else float("nan")


def coverage_variance(hits: sparse.csr_array) -> float:
    """Variance of coverage over the prompts, given the reference balls; NaN for one prompt.

    `hits` (C, m) has a 1 where a prompt has a picture in a ball. Were only a share a of the prompts drawn,
    the covariance of two balls' being covered would have the unbiased estimate
        (1 - a)^u (1 - ((1 - 2a)/(1 - a))^s),
    u prompts being in either ball and s in both (prompts Poisson; the part of a random number of prompts,
    a/C * (mean of h (1 - a)^(h - 1))^2 with h prompts a ball, is taken off). At a = 1 its noise is larger
    than itself, up to 2/3 it is never negative. From 1/3, 1/2 and 2/3 the variance is carried on to 1 by two
    curves, log V = c + p log a + q a, which is right for balls that are hit rarely and often alike but noisy,
    and log V = c + p log a, which is steady but up to 1.3 times too wide; the mean of both is taken.
    """
    prompts, m = hits.shape
    if prompts < 2:
        return float("nan")
    shares = np.array([1 / 3, 1 / 2, 2 / 3])
    per_ball = np.asarray(hits.sum(0), dtype=np.float64).reshape(-1)
    sums = np.zeros(3)
    for start in range(0, m, _COLUMNS):
        both = (hits[:, start : start + _COLUMNS].T @ hits).tocoo()
        either = per_ball[both.row + start] + per_ball[both.col] - both.data
        for i, a in enumerate(shares):
            sums[i] += float(((1 - a) ** either * (1 - ((1 - 2 * a) / (1 - a)) ** both.data)).sum())
    whole = sums / m**2
    slope = np.array([(per_ball * (1 - a) ** (per_ball - 1)).mean() for a in shares])
    variances = np.maximum(whole - shares / prompts * slope**2, 0.1 * whole)
    if variances.min() <= 0:
        return 0.0
    logs = np.log(variances)
    terms = np.column_stack([np.ones(3), np.log(shares), shares])
    constant, _, linear = np.linalg.solve(terms, logs)
    straight = logs[2] + (logs[2] - logs[0]) / np.log(2) * np.log(1.5)
    carried = np.exp((constant + linear + straight) / 2)
    return float(np.clip(carried, 0.2 * variances[2], 1.6 * variances[2]))


def share_interval(
    value: float, variance: float, prompts: int, units: int, how: str, *, level: float = 0.95
) -> tuple[float, Interval]:
    """A share (0..1) with Wilson's interval for the number of yes-or-no answers of this variance.

    Where all or none are held there is no variance, and `units` stands for the number of answers.
    """
    if not np.isfinite(variance) or prompts < 2:
        return value, no_interval()
    spread = value * (1 - value)
    answers = spread / variance if spread > 0 and variance > 0 else float(units)
    a = t_quantile(level, prompts - 1) ** 2 / answers
    half = np.sqrt(spread * a + a * a / 4)
    low, high = (value + a / 2 - half) / (1 + a), (value + a / 2 + half) / (1 + a)
    method = f"{level:.0%} Wilson over {prompts} prompts, {how}"
    return value, Interval(max(0.0, float(low)), min(1.0, float(high)), method)
