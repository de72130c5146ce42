"""Per-image values of a run, computed anew from a part of its pictures by networks that remember nothing.

A table of scores and a summary can be altered together, and so can a cache of features. The pictures and the
networks' weights are what the values must follow from.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from drawbench.errors import InputError
from harness.extractors import Extractors
from harness.extractors.base import DEFAULT_CLIP, DEFAULT_DETECTOR, DEFAULT_PICK, DEFAULT_VQA
from harness.manifest import manifest_prompts
from harness.metrics.base import PerImageMetric
from harness.progress import Progress, StageCalls
from harness.run_view import RunView
from harness.score import file_type, look_at_pictures
from harness.score_plan import ScorePlan, choose_metrics, extractors_for
from harness.types import Sample
from harness.verify import Finding, finding

CHECK = "features"
TOLERANCE = 1e-4
"""Relative, and absolute for values near 0: far above what another processor does to the last digits."""


def verify_features(
    run_dir: Path,
    manifest: Mapping[str, Any],
    chosen: Sequence[Sample],
    progress: Progress,
    *,
    weights: Path | None = None,
    device: str = "cpu",
) -> Finding:
    """Computes the run's per-image metrics of the `chosen` samples again, with an empty cache of features.

    Unchecked where there is nothing to compute, and where a metric cannot be computed here as it was for the
    run: without its weights, say, or under another identity. Nothing is downloaded.
    """
    try:
        view = RunView.load(run_dir, manifest)
    except InputError as error:
        return Finding(CHECK, "unchecked", 0, (str(error),))
    stated = {s.metric: s.identity for s in view.scores if s.category is None}
    stated = {name: identity for name, identity in stated.items() if _has_values(view, name)}
    if not stated or not chosen:
        return Finding(CHECK, "unchecked", 0, ("the run has no values of single pictures",))
    problems: list[str] = []
    open_: list[str] = []
    checked = 0
    with TemporaryDirectory() as folder:
        plan = _plan(manifest, weights, device, Path(folder))
        extractors = extractors_for(plan)
        for name, identity in stated.items():
            try:
                values = _values(view, name, identity, chosen, plan, extractors, progress)
            except InputError as error:
                open_.append(str(error))
                continue
            checked += len(values)
            problems += _problems(view, name, chosen, values)
    if problems or not open_:
        return finding(CHECK, checked, problems)
    return Finding(CHECK, "unchecked", checked, tuple(open_))


def _has_values(view: RunView, metric: str) -> bool:
    return any(metric in values for values in view.per_sample.values())


def _plan(manifest: Mapping[str, Any], weights: Path | None, device: str, root: Path) -> ScorePlan:
    """The networks that the run was scored with, where its manifest says so."""
    scoring = manifest.get("options", {}).get("scoring", {})
    networks = scoring.get("networks", {}) if isinstance(scoring, dict) else {}
    return ScorePlan(
        weights_dir=weights,
        device=device,
        clip_model=str(networks.get("clip", DEFAULT_CLIP)),
        pick_model=str(networks.get("pick", DEFAULT_PICK)),
        vqa_model=str(networks.get("vqa", DEFAULT_VQA)),
        detector=str(networks.get("detector", DEFAULT_DETECTOR)),
        features_root=root,
    )


def _values(
    view: RunView,
    name: str,
    identity: str,
    chosen: Sequence[Sample],
    plan: ScorePlan,
    extractors: Extractors,
    progress: Progress,
) -> dict[str, float]:
    """The metric's values by sample key; pictures that cannot be read have none, and are named elsewhere.

    Raises InputError where the metric cannot be computed, or would not be the one that was.
    """
    prompts = {prompt.id: prompt for prompt in manifest_prompts(view.manifest)}
    one = replace(plan, metrics=(name,))
    (metric,) = choose_metrics(one, extractors, tuple(prompts.values())).metrics
    if not isinstance(metric, PerImageMetric):
        raise InputError(f"metric {name} gives no values of single pictures here")
    with StageCalls(progress) as report:
        looked = look_at_pictures(chosen, prompts, view.folder, one, [metric], extractors, report)
    kinds = file_type(str(s.path) for s in view.samples if s.status == "ok")  # not those of a part
    inputs = replace(looked.inputs, file_type=kinds)
    if not looked.scored:
        return {}
    values = metric.per_image(inputs)
    now = metric.identity(inputs)
    if now != identity:
        raise InputError(f"metric {name} was scored as {identity} and would here be {now}")
    return {sample.key: float(value) for sample, value in zip(looked.scored, values, strict=True)}


def _problems(
    view: RunView, metric: str, chosen: Sequence[Sample], values: Mapping[str, float]
) -> Iterator[str]:
    for sample in chosen:
        if sample.key not in values:
            continue
        now = values[sample.key]
        then = view.per_sample.get((sample.prompt_id, sample.index), {}).get(metric, math.nan)
        if math.isnan(now) and math.isnan(then):
            continue
        if not math.isclose(now, then, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
            shown = ["none" if math.isnan(value) else f"{value:.7g}" for value in (then, now)]
            yield f"{sample.path}: {metric} is {shown[0]} in the table, computed again {shown[1]}"
