"""From pictures to scores: chooses metrics, makes one feature pass, and asks each metric."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from drawbench.errors import InputError
from drawbench.types import Prompt
from harness.extractors import Extractors, Setting
from harness.extractors.base import DEFAULT_CLIP, ImageExtractor, Vectors
from harness.features import Item, image_features, text_features
from harness.metrics import AnyMetric, find_metric
from harness.metrics.base import Inputs, PerImageMetric, ReferenceFeatures, SetMetric
from harness.reference import ReferenceSource, load_reference, reference_files
from harness.stats import cluster_mean_interval
from harness.types import Sample, Score, Status
from harness.weights import WeightsPolicy

Progress = Callable[[str, int, int], None]
_FRECHET_CHOICES = ("fid", "fid_legacy_pytorch", "fd_effnet_lite0")
_ALIGNMENT_CHOICES = ("clip_score", "align_conse")
_CAVEATS = {
    "align_conse": " and is not comparable with it (it sees the objects, hardly colour, number or place)",
    "fd_effnet_lite0": " and is not comparable with it (other features)",
    "fid_legacy_pytorch": " and differs from it a little (other resizing)",
}


@dataclass(frozen=True)
class ScorePlan:
    """What to score and with what.

    `metrics` None lets the machine choose what it can (`choose_metrics`). `on_failure` "fail" makes failed
    samples a bad verdict, "count" only counts them; scores are computed either way. `device` may be "auto".
    """

    metrics: tuple[str, ...] | None = None
    reference: ReferenceSource | None = None
    weights_dir: Path | None = None
    download: bool = False
    device: str = "cpu"
    seed: int = 0
    on_failure: Literal["fail", "count"] = "count"
    clip_model: str = DEFAULT_CLIP


@dataclass(frozen=True, slots=True)
class SampleScore:
    """One picture's value of one metric; `value` is None for a sample that could not be scored."""

    key: str
    prompt_id: str
    index: int
    category: str
    metric: str
    value: float | None
    identity: str
    status: str


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
class MetricChoice:
    """The metrics that will be computed, and remarks about stand-ins. `skipped` holds (metric, why)."""

    metrics: tuple[AnyMetric, ...]
    notes: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The metrics' names."""
        return tuple(metric.name for metric in self.metrics)


def choose_metrics(plan: ScorePlan, extractors: Extractors | None = None) -> MetricChoice:
    """Which metrics a plan comes to on this machine. Cheap: loads no network, so it can run before a run.

    Named metrics must all be possible. Without names it is one alignment metric (clip_score where CLIP's
    weights can be had, else align_conse) and, where there are reference pictures, one Fréchet distance
    (fid, fid_legacy_pytorch or fd_effnet_lite0, the first whose weights can be had), with a note on each
    stand-in. Raises InputError for an unknown metric, lacking weights or reference pictures, and a reference
    folder without pictures.
    """
    extractors = extractors or extractors_for(plan)
    if plan.reference is not None and plan.reference.kind == "folder":
        reference_files(plan.reference)
    if plan.metrics is not None:
        metrics = tuple(find_metric(name) for name in dict.fromkeys(plan.metrics))
        for metric in metrics:
            _require(metric, plan, extractors)
        return MetricChoice(metrics)
    chosen: list[AnyMetric] = []
    notes: list[str] = []
    skipped: list[tuple[str, str]] = []
    wanted = [_ALIGNMENT_CHOICES, *([_FRECHET_CHOICES] if plan.reference else [])]
    if plan.reference is None:
        skipped.append((_FRECHET_CHOICES[0], "no reference pictures; give --reference FOLDER or scenes"))
    for choices in wanted:
        lacks: dict[str, str] = {}
        for name in choices:
            metric = find_metric(name)
            problem = _missing(metric, extractors)
            if problem is None:
                chosen.append(metric)
                if lacks:
                    first, why = next(iter(lacks.items()))
                    notes.append(f"{name} stands in for {first}{_CAVEATS.get(name, '')}")
                    skipped.append((first, why))
                break
            lacks[name] = problem
        else:
            skipped += lacks.items()
    return MetricChoice(tuple(chosen), tuple(notes), tuple(skipped))


def score_samples(
    samples: Sequence[Sample],
    prompts: Mapping[str, Prompt],
    root: Path,
    plan: ScorePlan,
    progress: Progress | None = None,
    extractors: Extractors | None = None,
) -> ScoreResult:
    """Scores the pictures of `samples`, whose paths are relative to `root`.

    `prompts` maps prompt ids to prompts. Failed samples, and pictures that are missing, unreadable or not
    the recorded ones, are listed in `failed`, are in no score, and widen each mean's `if_failed`.
    `progress(stage, done, total)` is told how far each stage is. `extractors` of an earlier call with the
    same plan save loading their networks again. Raises InputError where the plan cannot be carried out.
    """
    extractors = extractors or extractors_for(plan, progress)
    choice = choose_metrics(plan, extractors)
    unknown = next((s.prompt_id for s in samples if s.prompt_id not in prompts), None)
    if unknown is not None:
        raise InputError(f"a sample belongs to prompt {unknown!r}, which the bench does not have")
    device = extractors.setting.device
    builds = {
        name: extractors.image(name)
        for name in dict.fromkeys(e for metric in choice.metrics for e in metric.image_extractors)
    }
    notes = list(choice.notes)
    reference = None
    against = dict.fromkeys(e for m in choice.metrics if m.needs_reference for e in m.image_extractors)
    if plan.reference is not None and against:
        needed = [builds[name] for name in against]
        reference, remarks = load_reference(
            plan.reference, needed, device=device, progress=_stage(progress, "reference features")
        )
        notes += remarks
    good = [s for s in samples if s.status == "ok"]
    items = [Item(root / (s.path or ""), s.sha256) for s in good]
    found = image_features(
        items, list(builds.values()), device=device, progress=_stage(progress, "picture features")
    )
    scored = [good[place] for place in found.kept]
    unreadable = {good[place].key: reason for place, reason in found.failed}
    failed = tuple(_failure(s, unreadable) for s in samples if s.status != "ok" or s.key in unreadable)
    if unreadable:
        first, reason = next(iter(unreadable.items()))
        where = next(s.path for s in good if s.key == first)
        notes.append(f"{len(unreadable)} pictures could not be scored (first: {where}, {reason})")
    inputs = _inputs(scored, prompts, extractors, builds, found.features, reference, plan.seed)
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
            scores += _mean_scores(metric, identity, values, scored, failed, prompts, inputs.clusters)
            rows += _rows(metric.name, identity, values, scored, failed, prompts)
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


def extractors_for(plan: ScorePlan, progress: Progress | None = None) -> Extractors:
    """The extractors that `score_samples` uses for a plan; none is loaded yet."""
    return Extractors(_setting(plan, progress))


def seven_digits(value: float) -> float:
    """The number with seven significant digits: what is computed beyond them depends on the machine."""
    return float(f"{value:.7g}")


def _setting(plan: ScorePlan, progress: Progress | None = None) -> Setting:
    device = plan.device
    if device == "auto":
        import torch

        device = "cuda" if torch.cuda.is_available() else "cpu"
    return Setting(WeightsPolicy(plan.weights_dir, plan.download, progress), device, plan.clip_model)


def _missing(metric: AnyMetric, extractors: Extractors) -> str | None:
    wanted = dict.fromkeys(metric.image_extractors + metric.text_extractors)
    return next((problem for name in wanted if (problem := extractors.missing(name))), None)


def _require(metric: AnyMetric, plan: ScorePlan, extractors: Extractors) -> None:
    if metric.needs_reference and plan.reference is None:
        raise InputError(f"metric {metric.name} needs reference pictures; give --reference FOLDER or scenes")
    problem = _missing(metric, extractors)
    if problem is None:
        return
    choices = next((c for c in (_FRECHET_CHOICES, _ALIGNMENT_CHOICES) if metric.name in c), ())
    hint = f"; or use its stand-in {choices[-1]}" if choices and choices[-1] != metric.name else ""
    raise InputError(f"metric {metric.name} cannot be computed: {problem}{hint}")


def _stage(progress: Progress | None, stage: str) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    tell = progress
    return lambda done, total: tell(stage, done, total)


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
    builds: Mapping[str, ImageExtractor],
    features: Mapping[str, Vectors],
    reference: ReferenceFeatures | None,
    seed: int,
) -> Inputs:
    number = {prompt_id: i for i, prompt_id in enumerate(dict.fromkeys(s.prompt_id for s in scored))}
    identities = {name: extractor.identity for name, extractor in builds.items()}

    def embed(name: str, texts: Sequence[str]) -> Vectors:
        extractor = extractors.text(name)
        identities[f"text:{name}"] = extractor.text_identity
        return text_features(texts, extractor, device=extractors.setting.device)

    return Inputs(
        features=features,
        captions=[prompts[s.prompt_id].text for s in scored],
        clusters=np.array([number[s.prompt_id] for s in scored], dtype=np.intp),
        identities=identities,
        embed=embed,
        reference=reference,
        file_type=_file_type(scored),
        seed=seed,
    )


def _file_type(scored: Sequence[Sample]) -> str:
    same = {"jpg": "jpeg", "tif": "tiff"}
    suffixes = {Path(s.path or "").suffix.lower().removeprefix(".") for s in scored}
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
        estimate = metric.whole_set(inputs)
    except ValueError as error:
        skipped.append((metric.name, str(error)))
        return
    notes += estimate.notes
    if failed:
        notes.append(
            f"{metric.name}: {len(failed)} failed samples are not in it, and it cannot be bounded for them"
        )
    scores.append(
        Score(
            metric=metric.name,
            value=seven_digits(estimate.value),
            low=seven_digits(estimate.interval.low),
            high=seven_digits(estimate.interval.high),
            n=int(inputs.clusters.size),
            identity=metric.identity(inputs),
            direction=metric.direction,
            method=estimate.interval.method,
        )
    )


def _mean_scores(
    metric: PerImageMetric,
    identity: str,
    values: NDArray[np.float64],
    scored: Sequence[Sample],
    failed: Sequence[FailedImage],
    prompts: Mapping[str, Prompt],
    clusters: NDArray[np.intp],
) -> list[Score]:
    """The mean over the bench, then one for each category in the order of the prompts."""
    of_scored = np.array([prompts[s.prompt_id].category for s in scored])
    of_failed = [prompts[f.prompt_id].category for f in failed]
    categories = list(dict.fromkeys(p.category for p in prompts.values()))
    groups: list[str | None] = [None]
    if any(categories):
        groups += categories
    scores = []
    for category in groups:
        chosen = np.full(of_scored.shape, True) if category is None else of_scored == category
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
            seven_digits(float(v)),
            identity,
            "ok",
        )
        for s, v in zip(scored, values, strict=True)
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
    """Ids of the prompts that a text encoder of the metrics cuts."""
    names = dict.fromkeys(name for metric in metrics for name in metric.text_extractors)
    asked = dict.fromkeys(s.prompt_id for s in scored)
    readers = [extractors.text(name) for name in names] if asked else []
    return tuple(i for i in asked if any(reader.is_truncated(prompts[i].text) for reader in readers))
