"""From pictures to scores: makes one feature pass and asks each metric."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from drawbench.errors import InputError
from drawbench.types import Prompt
from harness.extractors import Extractors
from harness.extractors.base import ImageExtractor, ImageObserver, PairJudge, TextExtractor
from harness.features import Item, image_features, text_features
from harness.metrics import AnyMetric
from harness.metrics.base import Explains, Inputs, PerImageMetric, ReferenceFeatures, Selective, SetMetric
from harness.metrics.needs import judge_names, observer_names, sent_texts
from harness.pair_scores import pair_scores
from harness.reference import load_reference
from harness.rows import Rows, Vectors
from harness.score_plan import Progress, ScorePlan, choose_metrics, extractors_for, stage
from harness.stats import cluster_mean_interval
from harness.types import Sample, Score, Status


@dataclass(frozen=True, slots=True)
class SampleScore:
    """One picture's value of one metric.

    `value` is None for a sample that could not be scored, and, with status "ok", for a picture to which the
    metric does not apply. `reason` says why the picture has its value, where the metric tells.
    """

    key: str
    prompt_id: str
    index: int
    category: str
    metric: str
    value: float | None
    identity: str
    status: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class FailedImage:
    """A sample without a score: its failure in the ledger, or "error" where its file cannot be used."""

    key: str
    prompt_id: str
    index: int
    status: Status
    reason: str


@dataclass(frozen=True)
class ScoreResult:
    """All that scoring found. `skipped` holds (metric, why), `truncated_prompts` prompt ids cut by a text
    encoder, `passed` whether the failure policy is met."""

    scores: tuple[Score, ...]
    per_sample: tuple[SampleScore, ...]
    notes: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    failed: tuple[FailedImage, ...] = ()
    truncated_prompts: tuple[str, ...] = ()
    passed: bool = True


@dataclass(frozen=True)
class Looked:
    """What metrics are computed from: `inputs` for the pictures of `scored`, in that order.

    `unreadable` maps the keys of samples whose pictures cannot be used to the reason.
    """

    inputs: Inputs
    scored: tuple[Sample, ...]
    unreadable: Mapping[str, str]
    remarks: tuple[str, ...]


def score_samples(
    samples: Sequence[Sample],
    prompts: Mapping[str, Prompt],
    root: Path,
    plan: ScorePlan,
    progress: Progress | None = None,
) -> ScoreResult:
    """Scores the pictures of `samples`, whose paths are relative to `root`.

    `prompts` maps prompt ids to prompts. Failed samples, and pictures that are missing, unreadable or not
    the recorded ones, are listed in `failed`, are in no score, and widen each mean's `if_failed`.
    `progress(stage, done, total)` is told how far each stage is. Raises InputError where the plan cannot be
    carried out.
    """
    extractors = extractors_for(plan, progress)
    choice = choose_metrics(plan, extractors, tuple(prompts.values()))
    unknown = next((s.prompt_id for s in samples if s.prompt_id not in prompts), None)
    if unknown is not None:
        raise InputError(f"a sample belongs to prompt {unknown!r}, which the bench does not have")
    looked = look_at_pictures(samples, prompts, root, plan, choice.metrics, extractors, progress)
    inputs, scored, unreadable = looked.inputs, looked.scored, looked.unreadable
    notes = [*choice.notes, *looked.remarks]
    failed = tuple(_failure(s, unreadable) for s in samples if s.status != "ok" or s.key in unreadable)
    scores: list[Score] = []
    rows: list[SampleScore] = []
    skipped = list(choice.skipped)
    for done, metric in enumerate(choice.metrics):
        if progress:
            progress("metrics", done, len(choice.metrics))
        if not scored:
            skipped.append((metric.name, "there is no picture to score"))
        elif isinstance(metric, PerImageMetric):
            values = metric.per_image(inputs)
            identity = metric.identity(inputs)
            means = _mean_scores(metric, identity, values, scored, failed, prompts, inputs.clusters)
            scores += means
            if not means:
                skipped.append((metric.name, "it applies to none of the pictures"))
            reasons = metric.reasons(inputs) if isinstance(metric, Explains) else [None] * len(scored)
            rows += _rows(metric.name, identity, values, reasons, scored, failed, prompts)
        else:
            _score_set(metric, inputs, failed, scores, notes, skipped)
    if progress:
        progress("metrics", len(choice.metrics), len(choice.metrics))
    truncated = _truncated(scored, prompts, choice.metrics, extractors)
    if truncated:
        notes.append(
            f"{len(truncated)} prompts are longer than the metrics' text encoder reads; their ends count not"
        )
    passed = not (failed and plan.on_failure == "fail")
    return ScoreResult(tuple(scores), tuple(rows), tuple(notes), tuple(skipped), failed, truncated, passed)


def look_at_pictures(
    samples: Sequence[Sample],
    prompts: Mapping[str, Prompt],
    root: Path,
    plan: ScorePlan,
    metrics: Sequence[AnyMetric],
    extractors: Extractors,
    progress: Progress | None = None,
) -> Looked:
    """One pass over the good pictures, and the reference where a metric needs it. See `score_samples`."""
    device = extractors.setting.device
    builds = {
        name: extractors.image(name)
        for name in dict.fromkeys(e for metric in metrics for e in metric.image_extractors)
    }
    remarks: list[str] = []
    reference = None
    against = dict.fromkeys(e for m in metrics if m.needs_reference for e in m.image_extractors)
    if plan.reference is not None and against:
        needed = [builds[name] for name in against]
        reference, remarks_on_it = load_reference(
            plan.reference, needed, device=device, progress=stage(progress, "reference features")
        )
        remarks += remarks_on_it
    good = [s for s in samples if s.status == "ok"]
    items = [Item(root / (s.path or ""), s.sha256) for s in good]
    observers = [extractors.observer(name) for name in observer_names(metrics)]
    judges = {name: extractors.pair(name) for name in judge_names(metrics)}
    found = image_features(
        items,
        list(builds.values()),
        observers,
        device=device,
        workers=extractors.setting.workers,
        progress=stage(progress, "picture features"),
        root=plan.features_root,
    )
    scored = tuple(good[place] for place in found.kept)
    unreadable = {good[place].key: reason for place, reason in found.failed}
    if unreadable:
        first, reason = next(iter(unreadable.items()))
        where = next(s.path for s in good if s.key == first)
        remarks.append(f"{len(unreadable)} pictures could not be scored (first: {where}, {reason})")
    tools: list[ImageExtractor | ImageObserver | PairJudge] = [*builds.values(), *observers, *judges.values()]
    identities = {tool.name: tool.identity for tool in tools}
    inputs = _inputs(scored, prompts, extractors, identities, found.features, reference, plan)
    pictures = [Item(items[i].path, sha256) for i, sha256 in zip(found.kept, found.sha256, strict=True)]

    def judge(name: str, texts: Sequence[str]) -> Vectors:
        tell = stage(progress, f"pairs for {name}")
        return pair_scores(
            pictures, texts, judges[name], device=device, progress=tell, root=plan.features_root
        )

    inputs = replace(inputs, observations=found.observations, judge=judge)
    return Looked(inputs, scored, unreadable, tuple(remarks))


def seven_digits(value: float) -> float:
    """The number with seven significant digits: what is computed beyond them depends on the machine."""
    return float(f"{value:.7g}")


def _failure(sample: Sample, unreadable: Mapping[str, str]) -> FailedImage:
    if sample.status == "ok":
        return FailedImage(sample.key, sample.prompt_id, sample.index, "error", unreadable[sample.key])
    return FailedImage(
        sample.key, sample.prompt_id, sample.index, sample.status, sample.reason or sample.status
    )


def _inputs(
    scored: Sequence[Sample],
    prompts: Mapping[str, Prompt],
    extractors: Extractors,
    identities: dict[str, str],
    features: Mapping[str, Rows],
    reference: ReferenceFeatures | None,
    plan: ScorePlan,
) -> Inputs:
    number = {prompt_id: i for i, prompt_id in enumerate(dict.fromkeys(s.prompt_id for s in scored))}

    @cache
    def embed_once(name: str, texts: tuple[str, ...]) -> Vectors:
        extractor = extractors.text(name)
        identities[f"text:{name}"] = extractor.text_identity
        return text_features(texts, extractor, device=extractors.setting.device, root=plan.features_root)

    def embed(name: str, texts: Sequence[str]) -> Vectors:
        return embed_once(name, tuple(texts))

    return Inputs(
        features=features,
        captions=[prompts[s.prompt_id].text for s in scored],
        clusters=np.array([number[s.prompt_id] for s in scored], dtype=np.intp),
        identities=identities,
        embed=embed,
        reference=reference,
        file_type=file_type(s.path or "" for s in scored),
        seed=plan.seed,
        metas=[prompts[s.prompt_id].meta for s in scored],
        bench_texts=[prompt.text for prompt in prompts.values()],
    )


def file_type(paths: Iterable[str]) -> str:
    """How pictures are stored, by their suffixes: "png", or "jpeg+png" where there are several kinds."""
    same = {"jpg": "jpeg", "tif": "tiff"}
    suffixes = {Path(path).suffix.lower().removeprefix(".") for path in paths}
    return "+".join(sorted(same.get(suffix, suffix) for suffix in suffixes)) or "none"


def _score_set(
    metric: SetMetric,
    inputs: Inputs,
    failed: Sequence[FailedImage],
    scores: list[Score],
    notes: list[str],
    skipped: list[tuple[str, str]],
) -> None:
    """Adds a whole-set metric's score and remarks, or the reason why it has none."""
    try:
        score, remarks = set_score(metric, inputs)
    except ValueError as error:
        skipped.append((metric.name, str(error)))
        return
    notes += remarks
    if failed:
        notes.append(
            f"{metric.name}: {len(failed)} failed samples are not in it, and it cannot be bounded for them"
        )
    scores.append(score)


def set_score(metric: SetMetric, inputs: Inputs) -> tuple[Score, tuple[str, ...]]:
    """A whole-set metric's score, and remarks that belong beside it. Raises ValueError where it has none."""
    estimate = metric.whole_set(inputs)
    score = Score(
        metric=metric.name,
        value=seven_digits(estimate.value),
        low=seven_digits(estimate.interval.low),
        high=seven_digits(estimate.interval.high),
        n=int(inputs.clusters.size),
        identity=metric.identity(inputs),
        direction=metric.direction,
        method=estimate.interval.method,
        curve=estimate.curve,
    )
    return score, estimate.notes


def _mean_scores(
    metric: PerImageMetric,
    identity: str,
    values: NDArray[np.float64],
    scored: Sequence[Sample],
    failed: Sequence[FailedImage],
    prompts: Mapping[str, Prompt],
    clusters: NDArray[np.intp],
) -> list[Score]:
    """The mean over the bench, then one for each category in the order of the prompts.

    Means are over the pictures to which the metric applies; where there is none, there is no mean.
    """
    applied = np.full(values.shape, True)
    if isinstance(metric, Selective):
        applied = ~np.isnan(values)
        failed = [f for f in failed if metric.applies(prompts[f.prompt_id])]
    of_scored = np.array([prompts[s.prompt_id].category for s in scored])
    of_failed = [prompts[f.prompt_id].category for f in failed]
    categories = list(dict.fromkeys(p.category for p in prompts.values()))
    groups: list[str | None] = [None]
    if any(categories):
        groups += categories
    scores = []
    for category in groups:
        chosen = applied if category is None else applied & (of_scored == category)
        if not chosen.any():
            continue
        lost = len(failed) if category is None else of_failed.count(category)
        mean, interval = cluster_mean_interval(values[chosen], clusters[chosen], bounds=metric.bounds)
        scores.append(
            Score(
                metric=metric.name,
                value=seven_digits(mean),
                low=seven_digits(interval.low),
                high=seven_digits(interval.high),
                n=int(chosen.sum()),
                identity=identity,
                direction=metric.direction,
                method=interval.method,
                category=category,
                if_failed=_if_failed(values[chosen], lost, metric),
            )
        )
    return scores


def _if_failed(values: NDArray[np.float64], lost: int, metric: PerImageMetric) -> tuple[float, float] | None:
    """The mean had every failed sample got the metric's worst and its best possible value: (worst, best).

    The metric's bounds are used, and for a metric without bounds the extremes that were seen.
    """
    if lost == 0:
        return None
    low, high = metric.bounds or (float(values.min()), float(values.max()))
    ends = [float(values.sum() + lost * end) / (values.size + lost) for end in (low, high)]
    worst, best = ends if metric.direction == "higher" else ends[::-1]
    return seven_digits(worst), seven_digits(best)


def _rows(
    name: str,
    identity: str,
    values: NDArray[np.float64],
    reasons: Sequence[str | None],
    scored: Sequence[Sample],
    failed: Sequence[FailedImage],
    prompts: Mapping[str, Prompt],
) -> list[SampleScore]:
    rows = [
        SampleScore(
            s.key,
            s.prompt_id,
            s.index,
            prompts[s.prompt_id].category,
            name,
            None if np.isnan(v) else seven_digits(float(v)),
            identity,
            "ok",
            why,
        )
        for s, v, why in zip(scored, values, reasons, strict=True)
    ]
    rows += [
        SampleScore(
            f.key, f.prompt_id, f.index, prompts[f.prompt_id].category, name, None, identity, f.status
        )
        for f in failed
    ]
    order = {prompt_id: i for i, prompt_id in enumerate(prompts)}
    return sorted(rows, key=lambda row: (order[row.prompt_id], row.index))


def _truncated(
    scored: Sequence[Sample],
    prompts: Mapping[str, Prompt],
    metrics: Sequence[AnyMetric],
    extractors: Extractors,
) -> tuple[str, ...]:
    """Ids of the prompts that a text encoder or a judge of the metrics cuts."""
    asked = list(dict.fromkeys(s.prompt_id for s in scored))
    cut: set[str] = set()
    for metric in metrics if asked else ():
        readers: list[TextExtractor | PairJudge] = [extractors.text(name) for name in metric.text_extractors]
        readers += [extractors.pair(name) for name in judge_names([metric])]
        sent = sent_texts(metric, [prompts[i].text for i in asked])
        for reader in readers:
            cut |= {i for i, text in zip(asked, sent, strict=True) if reader.is_truncated(text)}
    return tuple(i for i in asked if i in cut)
