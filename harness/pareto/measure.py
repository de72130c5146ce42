"""From a finished run to a point: both scores of its pictures, together without each group of prompts."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drawbench.errors import InputError
from harness.difference_sets import value_over
from harness.metrics import AnyMetric, find_metric
from harness.metrics.base import Inputs, PerImageMetric
from harness.pareto.curves import Measure, Point, Value
from harness.pareto.errors import deal_prompts, without_each
from harness.progress import Advance, Progress, StageCalls
from harness.run_view import RunView
from harness.score import look_at_pictures, set_score, seven_digits
from harness.score_plan import ScorePlan, extractors_for
from harness.stats import cluster_mean_interval
from harness.types import Sample

FAILURES_SHOWN = 3


@dataclass(frozen=True)
class _Scored:
    """A metric over some pictures: the score, its identity, and the number without each group (G,)."""

    value: Value
    identity: str
    without: NDArray[np.float64]


def unscored_point(view: RunView, at: Any) -> Point:
    """A run's point as far as its ledger says, without scores."""
    failures = tuple(
        f"{s.prompt_id}/{s.index} {s.status}: {s.reason or s.status}" for s in view.failures[:FAILURES_SHOWN]
    )
    return Point(
        at=at,
        run=view.folder.name,
        run_hash=view.manifest["run_hash"],
        pictures=pictures_digest(view.samples),
        settings=view.manifest["settings"],
        model=view.manifest["model"]["identity"],
        counts=view.counts,
        failures=failures,
    )


def measure_point(
    view: RunView, at: Any, alignment: str, quality: str, plan: ScorePlan, progress: Progress
) -> tuple[Point, tuple[Measure, Measure] | None]:
    """The point of a run, and what its two scores are; without scores, and None, where they cannot be had.

    Features come from the cache where the run was scored before. Both metrics see the same pictures, those
    that can be read; prompts are dealt into the same groups whichever of them have pictures, so that the
    points of one bench can be taken together. Raises InputError where the plan cannot be carried out.
    """
    point = unscored_point(view, at)
    prompts = {prompt.id: prompt for prompt in view.prompts}
    metrics = [find_metric(name) for name in (alignment, quality)]
    with StageCalls(progress) as report:
        extractors = extractors_for(plan, report)
        looked = look_at_pictures(view.samples, prompts, view.folder, plan, metrics, extractors, report)
    lost = tuple(f"{key}: {reason}" for key, reason in list(looked.unreadable.items())[:FAILURES_SHOWN])
    counts = {**point.counts, "ok": len(looked.scored)}
    if looked.unreadable:
        counts["error"] = counts.get("error", 0) + len(looked.unreadable)
    point = replace(point, counts=counts, failures=(*point.failures, *lost)[:FAILURES_SHOWN])
    if not looked.scored:
        return replace(point, reason="there is no picture to score"), None
    groups = deal_prompts([prompt.id for prompt in view.prompts])
    of_row = [groups[sample.prompt_id] for sample in looked.scored]
    count = len(set(groups.values()))
    try:
        with progress.stage("errors over prompts", 2 * count) as advance:
            pair = [_score(metric, looked.inputs, of_row, count, advance) for metric in metrics]
    except ValueError as error:
        return replace(point, reason=str(error)), None
    along, up = pair
    measured = replace(
        point,
        alignment=along.value,
        quality=up.value,
        left_out=tuple((_short(x), _short(y)) for x, y in zip(along.without, up.without, strict=True)),
    )
    measures = (
        Measure(alignment, along.identity, metrics[0].direction),
        Measure(quality, up.identity, metrics[1].direction),
    )
    return measured, measures


def pictures_digest(samples: Sequence[Sample]) -> str:
    """What stands for the pictures of a run: a hash over place, status and picture of each sample."""
    content = "\n".join(f"{s.prompt_id}\t{s.index}\t{s.status}\t{s.sha256}" for s in samples)
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _score(
    metric: AnyMetric,
    inputs: Inputs,
    of_row: Sequence[int],
    count: int,
    advance: Advance,
) -> _Scored:
    """Raises ValueError where the metric has no value, or none without one of the groups."""
    if isinstance(metric, PerImageMetric):
        values = metric.per_image(inputs)
        known = ~np.isnan(values)
        if not known.any():
            raise ValueError(f"{metric.name} applies to none of the pictures")
        mean, interval = cluster_mean_interval(values[known], inputs.clusters[known], bounds=metric.bounds)
        ends = (seven_digits(interval.low), seven_digits(interval.high))
        value = Value(seven_digits(mean), *ends, int(known.sum()), interval.method)
        return _Scored(
            value, metric.identity(inputs), without_each(_mean_of(metric, values), of_row, count, advance)
        )
    score, _ = set_score(metric, inputs)
    value = Value(score.value, score.low, score.high, score.n, score.method)
    return _Scored(value, score.identity, without_each(value_over(metric, inputs), of_row, count, advance))


def _mean_of(metric: PerImageMetric, values: NDArray[np.float64]) -> Callable[[NDArray[np.intp]], float]:
    def mean(places: NDArray[np.intp]) -> float:
        chosen = values[places]
        chosen = chosen[~np.isnan(chosen)]
        if chosen.size == 0:
            raise ValueError(f"{metric.name} applies to too few pictures")
        return math.fsum(chosen) / chosen.size

    return mean


def _short(value: float) -> float:
    """As the JSON file keeps it, so that a figure is the same whether it is drawn from there or at once."""
    return float(f"{value:.9g}")


def check_pair(alignment: str, quality: str) -> None:
    """Raises InputError for an unknown metric, and for one metric on both axes."""
    for name in (alignment, quality):
        find_metric(name)
    if alignment == quality:
        raise InputError(f"--alignment and --quality are both {quality}; give two metrics")
