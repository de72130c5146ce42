"""Intervals and p values of estimates that lie within bounds: which method is used, and why.

The two-way percentile bootstrap is the interval where it covers: at least ten prompts and ten raters, and a
spread like that of the variance components. Elsewhere it is the two-way Wilson interval, which is the two-way
t interval kept within the bounds and which does not shrink to nothing where all raters agree. By simulation
(benchmarks/rating_coverage.py) percentiles are too short for few prompts or raters and close to the bounds,
and too long where single answers vary far more than prompts and raters do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

from harness.stats import Interval, TEstimate, t_quantile
from human_eval_app.analysis.layout import Numbers

FEW = 10
LIKE = (0.85, 1.1)
_MOST_LOST = 0.02


@dataclass(frozen=True, slots=True)
class Ends:
    """The interval that is reported, the other one beside it, and the p of the null value by the first."""

    interval: Interval
    beside: Interval
    p: float


def ends_of(
    estimate: TEstimate,
    replicates: Numbers,
    *,
    bounds: tuple[float, float],
    null: float,
    prompts: int,
    raters: int,
    seed: int,
    level: float = 0.95,
) -> Ends:
    """Both intervals of an estimate within `bounds`, the better one first; see the module.

    `replicates` (resamples,) are the bootstrap's, NaN where one could not be made; `null` is the value of no
    preference, NaN where there is none (then p is NaN too).
    """
    wilson = two_way_wilson(estimate, bounds, prompts=prompts, raters=raters, level=level)
    made = replicates[np.isfinite(replicates)]
    if made.size < (1 - _MOST_LOST) * replicates.size or made.size < 2:
        nothing = Interval(math.nan, math.nan, "resamples without a rating: no bootstrap interval")
        return Ends(wilson, nothing, wilson_p(estimate, bounds, null, prompts=prompts, raters=raters))
    low, high = np.quantile(made, [(1 - level) / 2, (1 + level) / 2])
    method = f"{level:.0%} two-way bootstrap over {prompts} prompts x {raters} raters"
    bootstrap = Interval(float(low), float(high), f"{method}, {replicates.size} resamples, seed {seed}")
    spread = float(made.std(ddof=1))
    like = estimate.error > 0 and LIKE[0] <= spread / estimate.error <= LIKE[1]
    if like and min(prompts, raters) >= FEW:
        return Ends(bootstrap, wilson, percentile_p(made, null))
    return Ends(wilson, bootstrap, wilson_p(estimate, bounds, null, prompts=prompts, raters=raters))


def two_way_wilson(
    estimate: TEstimate, bounds: tuple[float, float], *, prompts: int, raters: int, level: float = 0.95
) -> Interval:
    """Wilson's interval with t and with the number of independent answers of the same variance.

    Where all answers are alike at a bound, as many as there are prompts or raters, whichever are fewer; where
    they are alike elsewhere (all indifferent), the value give or take the share of other answers that could
    have gone unseen. NaN without an error.
    """
    method = estimate.method.replace("two-way t", f"{level:.0%} two-way Wilson t")
    if math.isnan(estimate.error):
        return Interval(math.nan, math.nan, estimate.method)
    low, span = bounds[0], bounds[1] - bounds[0]
    mean, answers, degrees = _answers(estimate, bounds, prompts, raters)
    a = t_quantile(level, degrees) ** 2 / answers
    if estimate.error**2 <= 1e-30 and 1e-12 < mean < 1 - 1e-12:
        half = span * a / (1 + a)
        start, stop = estimate.value - half, estimate.value + half
        return Interval(max(low, start), min(bounds[1], stop), f"{method}, all answers alike")
    half = math.sqrt(mean * (1 - mean) * a + a * a / 4)
    start, stop = (mean + a / 2 - half) / (1 + a), (mean + a / 2 + half) / (1 + a)
    return Interval(low + span * max(0.0, start), low + span * min(1.0, stop), method)


def wilson_p(
    estimate: TEstimate, bounds: tuple[float, float], null: float, *, prompts: int, raters: int
) -> float:
    """Two-sided p of the value `null` by the test that Wilson's interval inverts; NaN without an error."""
    if math.isnan(estimate.error) or math.isnan(null):
        return math.nan
    mean, answers, degrees = _answers(estimate, bounds, prompts, raters)
    if estimate.error**2 <= 1e-30 and 1e-12 < mean < 1 - 1e-12:
        return 1.0 if abs(estimate.value - null) <= 1e-12 else math.nan
    expected = (null - bounds[0]) / (bounds[1] - bounds[0])
    return float(2 * stdtr(degrees, -abs(mean - expected) / math.sqrt(expected * (1 - expected) / answers)))


def percentile_p(replicates: Numbers, null: float) -> float:
    """Two-sided p by the percentiles: 2 (1 + r) / (1 + resamples), r replicates lying beyond `null`.

    It is below 5% where the 95% percentile interval leaves out the null, and at least 2 / (1 + resamples).
    """
    if math.isnan(null):
        return math.nan
    room = 1e-12 * max(1.0, float(np.abs(replicates).max()))
    beyond = min(int((replicates <= null + room).sum()), int((replicates >= null - room).sum()))
    return min(1.0, 2 * (1 + beyond) / (1 + replicates.size))


def _answers(
    estimate: TEstimate, bounds: tuple[float, float], prompts: int, raters: int
) -> tuple[float, float, float]:
    """The estimate on 0..1, how many independent yes-or-no answers it is worth, and degrees of freedom."""
    mean = min(1.0, max(0.0, (estimate.value - bounds[0]) / (bounds[1] - bounds[0])))
    spread, variance = mean * (1 - mean), (estimate.error / (bounds[1] - bounds[0])) ** 2
    if spread <= 1e-12 or variance <= 1e-30:
        fewest = float(min(prompts, raters))
        return mean, fewest, max(1.0, fewest - 1)
    return mean, spread / variance, estimate.degrees
