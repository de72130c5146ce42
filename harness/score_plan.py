"""Which metrics a scoring comes to on this machine, and the extractors that they need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from drawbench.errors import InputError
from drawbench.types import Prompt
from harness.extractors import Extractors, Setting
from harness.extractors.base import DEFAULT_CLIP, DEFAULT_DETECTOR, DEFAULT_PICK, DEFAULT_VQA
from harness.metrics import AnyMetric, built_in, find_metric
from harness.metrics.base import ChosenWhereSuited, Selective
from harness.metrics.needs import needed_extractors
from harness.reference import ReferenceSource, check_reference, reference_lacks
from harness.weights import WeightsPolicy

Progress = Callable[[str, int, int], None]
FRECHET_CHOICES = ("fid", "fid_legacy_pytorch", "fd_effnet_lite0")
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
    `features_root` replaces the folder of the feature cache.
    """

    metrics: tuple[str, ...] | None = None
    reference: ReferenceSource | None = None
    weights_dir: Path | None = None
    download: bool = False
    device: str = "cpu"
    seed: int = 0
    on_failure: Literal["fail", "count"] = "count"
    clip_model: str = DEFAULT_CLIP
    pick_model: str = DEFAULT_PICK
    vqa_model: str = DEFAULT_VQA
    detector: str = DEFAULT_DETECTOR
    features_root: Path | None = None


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


def choose_metrics(
    plan: ScorePlan, extractors: Extractors | None = None, prompts: Sequence[Prompt] | None = None
) -> MetricChoice:
    """Which metrics a plan comes to on this machine. Cheap: loads no network, so it can run before a run.

    Named metrics must all be possible. Without names it is one alignment metric (clip_score where CLIP's
    weights can be had, else align_conse) and, where there are reference pictures, one Fréchet distance
    (fid, fid_legacy_pytorch or fd_effnet_lite0, the first whose weights can be had), with a note on each
    stand-in; and every metric that is ChosenWhereSuited and that the prompts suit, such as the scenes
    judge's. `prompts` None leaves out what depends on them. Raises InputError for an unknown metric, lacking
    weights or reference pictures, prompts that a named metric cannot judge, and a reference folder without
    pictures.
    """
    extractors = extractors or extractors_for(plan)
    if plan.reference is not None:
        check_reference(plan.reference)
    if plan.metrics is not None:
        metrics = tuple(find_metric(name) for name in dict.fromkeys(plan.metrics))
        for metric in metrics:
            _require(metric, plan, extractors, prompts)
        return MetricChoice(metrics)
    chosen: list[AnyMetric] = []
    notes: list[str] = []
    skipped: list[tuple[str, str]] = []
    wanted = [_ALIGNMENT_CHOICES, *([FRECHET_CHOICES] if plan.reference else [])]
    if plan.reference is None:
        skipped.append((FRECHET_CHOICES[0], "no reference pictures; give --reference FOLDER or scenes"))
    for choices in wanted:
        lacks: dict[str, str] = {}
        for name in choices:
            metric = find_metric(name)
            problem = reference_lacks(plan.reference, metric) or _missing(metric, extractors)
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
    if prompts is not None:
        for metric in built_in():
            if not isinstance(metric, ChosenWhereSuited) or _unsuited(metric, prompts):
                continue
            problem = _missing(metric, extractors)
            if problem is None:
                chosen.append(metric)
            elif (metric.family, problem) not in skipped:
                skipped.append((metric.family, problem))
    return MetricChoice(tuple(chosen), tuple(notes), tuple(skipped))


def extractors_for(plan: ScorePlan, progress: Progress | None = None) -> Extractors:
    """The extractors that `score_samples` uses for a plan; none is loaded yet."""
    return Extractors(_setting(plan, progress))


def stage(progress: Progress | None, stage: str) -> Callable[[int, int], None] | None:
    """Tells `progress` under that stage's name how far it is: a function of (done, total)."""
    if progress is None:
        return None
    tell = progress
    return lambda done, total: tell(stage, done, total)


def _setting(plan: ScorePlan, progress: Progress | None = None) -> Setting:
    device = plan.device
    if device == "auto":
        import torch

        device = "cuda" if torch.cuda.is_available() else "cpu"
    policy = WeightsPolicy(plan.weights_dir, plan.download, progress)
    return Setting(
        policy,
        device,
        clip_model=plan.clip_model,
        pick_model=plan.pick_model,
        vqa_model=plan.vqa_model,
        detector=plan.detector,
    )


def _missing(metric: AnyMetric, extractors: Extractors) -> str | None:
    return next(
        (problem for name in needed_extractors(metric) if (problem := extractors.missing(name))), None
    )


def _unsuited(metric: AnyMetric, prompts: Sequence[Prompt] | None) -> str | None:
    if prompts is None or not isinstance(metric, Selective):
        return None
    return metric.unsuited(prompts)


def _require(
    metric: AnyMetric, plan: ScorePlan, extractors: Extractors, prompts: Sequence[Prompt] | None
) -> None:
    if metric.needs_reference and plan.reference is None:
        raise InputError(f"metric {metric.name} needs reference pictures; give --reference FOLDER or scenes")
    if unsuited := _unsuited(metric, prompts) or reference_lacks(plan.reference, metric):
        raise InputError(f"metric {metric.name} cannot be computed: {unsuited}")
    problem = _missing(metric, extractors)
    if problem is None:
        return
    choices = next((c for c in (FRECHET_CHOICES, _ALIGNMENT_CHOICES) if metric.name in c), ())
    hint = f"; or use its stand-in {choices[-1]}" if choices and choices[-1] != metric.name else ""
    raise InputError(f"metric {metric.name} cannot be computed: {problem}{hint}")
