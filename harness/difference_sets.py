"""Whole-set metrics of two runs' pairs, recomputed from features, which the cache has of a scored run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from drawbench.errors import InputError
from harness.comparable import check_identities
from harness.difference import Difference, Place, set_difference
from harness.extractors import Extractors
from harness.metrics import AnyMetric
from harness.metrics.base import Inputs, OfSubsets, SetMetric
from harness.progress import Progress, StageCalls
from harness.rows import Places, subset
from harness.run_view import RunView
from harness.score import Looked, look_at_pictures
from harness.score_plan import ScorePlan, choose_metrics, extractors_for
from harness.stats import TEstimate, paired_jackknife
from harness.types import Sample, Score

GROUPS = 20


@dataclass(frozen=True)
class Side:
    """One run's inputs and where in them each pair's picture is, (pairs,)."""

    inputs: Inputs
    at: NDArray[np.intp]


@dataclass(frozen=True)
class LookedPairs:
    """Whole-set metrics, the pairs of which both pictures can be read, both sides' inputs, and remarks."""

    metrics: tuple[SetMetric, ...]
    places: tuple[Place, ...]
    sides: tuple[Side, Side]
    remarks: tuple[str, ...]


Look = Callable[[Sequence[Sample], ScorePlan, Sequence[AnyMetric], Extractors], Looked]
"""Inputs of some samples' pictures: those of a run folder, or those that were kept of one."""


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
    looked = look_at_pairs((a, b), (of_folder(a, progress), of_folder(b, progress)), places, plan)
    rows = []
    for metric in looked.metrics:
        score = scores[metric.name]
        check_set_identity(metric, looked.sides[0].inputs, looked.sides[1].inputs, score)
        value_a, value_b, estimate = paired_estimate(metric, looked, plan.seed)
        rows.append(set_difference(score, value_a, value_b, estimate, looked.places))
    return rows, list(looked.remarks)


def of_folder(run: RunView, progress: Progress) -> Look:
    """Looks at pictures in the run's folder; what the cache knows of them is not computed again."""
    prompts = {prompt.id: prompt for prompt in run.prompts}

    def look(
        samples: Sequence[Sample], plan: ScorePlan, metrics: Sequence[AnyMetric], extractors: Extractors
    ) -> Looked:
        with StageCalls(progress) as report:
            return look_at_pictures(samples, prompts, run.folder, plan, metrics, extractors, report)

    return look


def look_at_pairs(
    runs: tuple[RunView, RunView], looks: tuple[Look, Look], places: Sequence[Place], plan: ScorePlan
) -> LookedPairs:
    """What the whole-set metrics of `plan.metrics` need of the pairs at `places`.

    Raises InputError where a metric cannot be computed here.
    """
    extractors = extractors_for(plan)
    chosen = choose_metrics(plan, extractors, runs[0].prompts).metrics
    metrics = tuple(metric for metric in chosen if isinstance(metric, SetMetric))
    looked: list[Looked] = []
    for run, look in zip(runs, looks, strict=True):
        made = {(s.prompt_id, s.index): s for s in run.samples}
        looked.append(look([made[place] for place in places], plan, metrics, extractors))
    found = [{(s.prompt_id, s.index): n for n, s in enumerate(side.scored)} for side in looked]
    kept = tuple(place for place in places if all(place in side for side in found))
    remarks = []
    if lost := len(places) - len(kept):
        remarks.append(f"{lost} pairs are in no whole-set metric, as a picture of them cannot be read")
    one, other = (
        Side(side.inputs, np.array([at[place] for place in kept], dtype=np.intp))
        for side, at in zip(looked, found, strict=True)
    )
    return LookedPairs(metrics, kept, (one, other), tuple(remarks))


def paired_estimate(metric: SetMetric, looked: LookedPairs, seed: int) -> tuple[float, float, TEstimate]:
    """The metric's value of both sides over the pairs, and B minus A with its error.

    Raises InputError where there are too few pictures.
    """

    def over(side: Side) -> Callable[[Places], float]:
        value = value_over(metric, side.inputs)
        return lambda pairs: value(np.sort(side.at[pairs]))

    try:
        of_a, of_b = (over(side) for side in looked.sides)
        everything = np.arange(len(looked.places))
        prompts = [prompt_id for prompt_id, _ in looked.places]
        estimate = paired_jackknife(of_a, of_b, prompts, max_groups=GROUPS, seed=seed)
        return of_a(everything), of_b(everything), estimate
    except ValueError as error:
        raise InputError(f"metric {metric.name} cannot be compared: {error}") from None


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


def check_set_identity(metric: SetMetric, a: Inputs, b: Inputs, score: Score) -> None:
    """Raises NotComparable where both sides' identities differ, InputError where they are not the score's."""
    now = metric.identity(a)
    check_identities(metric.name, now, metric.identity(b))
    if now != score.identity:
        raise InputError(
            f"metric {metric.name} was scored as {score.identity} and would now be {now}; give the same "
            f"--reference and --weights as for the score, or score both runs again"
        )
