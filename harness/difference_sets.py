"""Whole-set metrics of two runs' pairs, recomputed from features, which the cache has of a scored run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from drawbench.errors import InputError
from harness.comparable import check_identities
from harness.difference import Difference, Place, set_difference
from harness.metrics.base import Inputs, OfSubsets, SetMetric
from harness.progress import Progress, StageCalls
from harness.rows import Places, subset
from harness.run_view import RunView
from harness.score import Looked, look_at_pictures
from harness.score_plan import ScorePlan, choose_metrics, extractors_for
from harness.stats import paired_jackknife
from harness.types import Score

GROUPS = 20


@dataclass(frozen=True)
class _Side:
    """One run's inputs and where in them each pair's picture is, (pairs,)."""

    inputs: Inputs
    at: NDArray[np.intp]


def set_differences(
    a: RunView,
    b: RunView,
    places: Sequence[Place],
    scores: Mapping[str, Score],
    plan: ScorePlan,
    progress: Progress,
) -> tuple[list[Difference], list[str]]:
    """A row for each metric of `plan.metrics`, over the pairs at `places`, and remarks.

    `scores` has run A's score of each. A pair of which a picture cannot be read any more is left out and
    counted in a remark. Raises InputError where a metric cannot be computed, or is under `plan` not what the
    runs were scored by; NotComparable where it is not the same of both.
    """
    prompts = {prompt.id: prompt for prompt in a.prompts}
    extractors = extractors_for(plan)
    chosen = choose_metrics(plan, extractors, tuple(prompts.values())).metrics
    metrics = [metric for metric in chosen if isinstance(metric, SetMetric)]
    looked: list[Looked] = []
    for run in (a, b):
        made = {(s.prompt_id, s.index): s for s in run.samples}
        samples = [made[place] for place in places]
        with StageCalls(progress) as report:
            looked.append(look_at_pictures(samples, prompts, run.folder, plan, metrics, extractors, report))
    found = [{(s.prompt_id, s.index): n for n, s in enumerate(side.scored)} for side in looked]
    kept = [place for place in places if all(place in side for side in found)]
    remarks = []
    if lost := len(places) - len(kept):
        remarks.append(f"{lost} pairs are in no whole-set metric, as a picture of them cannot be read")
    one, other = (
        _Side(side.inputs, np.array([at[place] for place in kept], dtype=np.intp))
        for side, at in zip(looked, found, strict=True)
    )
    rows = []
    for metric in metrics:
        _check_identity(metric, one.inputs, other.inputs, scores[metric.name])
        rows.append(_difference(metric, one, other, kept, scores[metric.name], plan.seed))
    return rows, remarks


def value_over(metric: SetMetric, inputs: Inputs) -> Callable[[Places], float]:
    """A function from places of pictures to the metric's value over them."""
    if isinstance(metric, OfSubsets):
        return metric.of_subsets(inputs)
    return lambda places: metric.whole_set(part_of(inputs, places)).value


def part_of(inputs: Inputs, places: Places) -> Inputs:
    """The inputs of the pictures at `places` alone, without pair judges, which no whole-set metric asks."""
    return replace(
        inputs,
        features={name: subset(rows, places) for name, rows in inputs.features.items()},
        captions=[inputs.captions[i] for i in places],
        clusters=inputs.clusters[places],
        metas=[inputs.metas[i] for i in places] if inputs.metas else (),
        observations={name: [seen[i] for i in places] for name, seen in inputs.observations.items()},
        judge=None,
    )


def _difference(
    metric: SetMetric, a: _Side, b: _Side, places: Sequence[Place], score: Score, seed: int
) -> Difference:
    def over(side: _Side) -> Callable[[Places], float]:
        value = value_over(metric, side.inputs)
        return lambda pairs: value(np.sort(side.at[pairs]))

    try:
        of_a, of_b = over(a), over(b)
        everything = np.arange(len(places))
        prompts = [prompt_id for prompt_id, _ in places]
        estimate = paired_jackknife(of_a, of_b, prompts, max_groups=GROUPS, seed=seed)
        return set_difference(score, of_a(everything), of_b(everything), estimate, places)
    except ValueError as error:  # too few pictures
        raise InputError(f"metric {metric.name} cannot be compared: {error}") from None


def _check_identity(metric: SetMetric, a: Inputs, b: Inputs, score: Score) -> None:
    now = metric.identity(a)
    check_identities(metric.name, now, metric.identity(b))
    if now != score.identity:
        raise InputError(
            f"metric {metric.name} was scored as {score.identity} and would now be {now}; give the same "
            f"--reference and --weights as for the score, or score both runs again"
        )
