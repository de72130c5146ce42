"""Do automatic metrics say what raters say? Rank correlations over prompts, and how often they agree.

For a pair of models: raters' net preference of each prompt against the difference of the metric, where both
models have it, else against the metric of the one that has (a reference has no run). For alignment: a
model's mean score of each prompt against its metric. A prompt's metric is the mean over its samples. Metrics
for which lower is better are turned round.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import rankdata

from human_eval_app.analysis.estimates import Part
from human_eval_app.analysis.layout import Numbers

LEAST_PROMPTS = 8
ALIKE = 1e-9


@dataclass(frozen=True)
class RunScores:
    """The scores of a run by prompt. `values`: metric -> prompt id -> mean over the prompt's samples."""

    model: str
    values: Mapping[str, Mapping[str, float]]
    lower_is_better: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class MetricAgreement:
    """One metric against one question's raters; `low`/`high` pairs are 95% percentile bootstrap intervals.

    `accuracy` is, for a pair of models, the share of prompts with a preference in which the metric prefers
    the same model (a metric that ties counts half); where one metric stands for the pair, and in alignment,
    the share of pairs of prompts that raters tell apart which the metric orders alike. `accuracy_of` is the
    number of those. `compared` says what was compared.
    """

    metric: str
    question: str
    model_a: str
    model_b: str
    compared: str
    spearman: float
    spearman_low: float
    spearman_high: float
    kendall: float
    kendall_low: float
    kendall_high: float
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    accuracy_of: int
    prompts: int
    method: str


@dataclass(frozen=True)
class Paired:
    """What is correlated: metric (n,) and raters' mean (n,) of the same prompts, in order of prompt id."""

    metric: str
    part: Part
    prompt_ids: tuple[str, ...]
    scores: Numbers
    ratings: Numbers
    compared: str
    by_sign: bool

    @cached_property
    def concordance(self) -> tuple[Numbers, Numbers]:
        """(n, n) +1 where two prompts are ordered alike, -1 where not, 0 tied; and whether raters differ."""
        by_metric = _signs(self.scores)
        by_raters = _signs(self.ratings)
        return by_metric * by_raters, (by_raters != 0).astype(np.float64)


def paired_scores(parts: Iterable[Part], scores: Sequence[RunScores]) -> Iterator[Paired]:
    """Every metric beside every part of the study that has enough prompts with both."""
    by_model = {run.model: run for run in scores}
    for part in parts:
        if part.model_b and len(part.arms) == 2:
            continue  # a difference of two alignment scores repeats what the models' own rows say
        one, other = by_model.get(part.model_a), by_model.get(part.model_b)
        metrics = sorted(set(one.values if one else ()) | set(other.values if other else ()))
        rated = _ratings(part)
        for metric in metrics:
            sides = [run for run in (one, other) if run is not None and metric in run.values]
            sign = -1.0 if any(metric in run.lower_is_better for run in sides) else 1.0
            common = sorted(p for p in rated if all(p in run.values[metric] for run in sides))
            if len(common) < LEAST_PROMPTS:
                continue
            values = np.array([[run.values[metric][p] for p in common] for run in sides])
            if len(sides) == 2:
                found, compared = sign * (values[0] - values[1]), f"{part.model_a} minus {part.model_b}"
            else:
                side = -sign if sides[0] is other else sign
                found, compared = side * values[0], f"{sides[0].model} alone"
            ratings = np.array([rated[p] for p in common])
            yield Paired(metric, part, tuple(common), found, ratings, compared, len(sides) == 2)


def metric_agreement(paired: Paired, *, resamples: int = 1000, seed: int = 0) -> MetricAgreement:
    """Correlations of one pairing with their intervals, prompts drawn anew.

    Raters are not drawn: their own noise is part of each prompt's mean, and drawing them would add it twice
    and pull every correlation towards 0.
    """
    n = len(paired.prompt_ids)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, n, (resamples, n))
    point = np.arange(n)[None]
    values, low, high = [], [], []
    for of in (_spearman, _kendall, _accuracy):
        values.append(float(of(paired, point)[0]))
        found = of(paired, drawn)
        found = found[np.isfinite(found)]
        ends = np.quantile(found, [0.025, 0.975]) if found.size >= 0.9 * resamples else (math.nan, math.nan)
        low.append(float(ends[0]))
        high.append(float(ends[1]))
    decided = (np.abs(paired.ratings) > ALIKE).sum() if paired.by_sign else paired.concordance[1].sum() / 2
    return MetricAgreement(
        metric=paired.metric,
        question=paired.part.question,
        model_a=paired.part.model_a,
        model_b=paired.part.model_b,
        compared=paired.compared,
        spearman=values[0],
        spearman_low=low[0],
        spearman_high=high[0],
        kendall=values[1],
        kendall_low=low[1],
        kendall_high=high[1],
        accuracy=values[2],
        accuracy_low=low[2],
        accuracy_high=high[2],
        accuracy_of=int(decided),
        prompts=n,
        method=f"95% percentile bootstrap over {n} prompts, {resamples} resamples, seed {seed}",
    )


def _ratings(part: Part) -> dict[str, float]:
    """Mean of each prompt's answers: net preference -1..1 of a pair, 0..1 of an alignment score."""
    worth = part.answers @ (np.array([1.0, 0.0, -1.0]) if part.model_b else np.array([1.0, 0.5, 0.0]))
    names, place = np.unique(np.asarray(part.prompt_ids, dtype=object), return_inverse=True)
    means = np.bincount(place, worth) / np.bincount(place)
    return dict(zip(map(str, names), means.tolist(), strict=True))


def _spearman(paired: Paired, drawn: np.ndarray) -> Numbers:
    x, y = (rankdata(values[drawn], axis=1) for values in (paired.scores, paired.ratings))
    x, y = x - x.mean(1, keepdims=True), y - y.mean(1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((x * y).sum(1) / np.sqrt((x * x).sum(1) * (y * y).sum(1)))


def _kendall(paired: Paired, drawn: np.ndarray) -> Numbers:
    """Tau-b, by how often each prompt was drawn: copies of one prompt are tied in both."""
    weights = _times(drawn, len(paired.scores))
    signs = (_signs(paired.scores), _signs(paired.ratings))
    both, x, y = (
        ((weights @ table) * weights).sum(1) for table in (signs[0] * signs[1], signs[0] ** 2, signs[1] ** 2)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(both / np.sqrt(x * y))


def _accuracy(paired: Paired, drawn: np.ndarray) -> Numbers:
    weights = _times(drawn, len(paired.scores))
    with np.errstate(divide="ignore", invalid="ignore"):
        if paired.by_sign:
            ratings = np.where(np.abs(paired.ratings) > ALIKE, np.sign(paired.ratings), 0.0)
            alike = np.where(ratings != 0, (1 + np.sign(paired.scores) * ratings) / 2, 0.0)
            return np.asarray(weights @ alike / (weights @ (ratings != 0)))
        concordant, told_apart = paired.concordance
        alike = told_apart * (1 + concordant) / 2
        return np.asarray(((weights @ alike) * weights).sum(1) / ((weights @ told_apart) * weights).sum(1))


def _times(drawn: np.ndarray, n: int) -> Numbers:
    """(resamples, n) how often each of n was drawn."""
    places = drawn + np.arange(len(drawn))[:, None] * n
    return np.bincount(places.ravel(), minlength=len(drawn) * n).reshape(len(drawn), n).astype(np.float64)


def _signs(values: Numbers) -> Numbers:
    """(n, n) sign of each difference, 0 within rounding."""
    differences = values[:, None] - values[None, :]
    scale = ALIKE * max(1.0, float(np.abs(values).max()))
    return np.where(np.abs(differences) > scale, np.sign(differences), 0.0)
