"""Distances between two sets of pictures that belong to no run: a folder against a reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from drawbench.errors import InputError
from harness.decode import conversion_remark
from harness.extractors import Extractors
from harness.extractors.base import ImageExtractor
from harness.features import Item, image_features
from harness.metrics import AnyMetric, find_metric, names
from harness.metrics.base import Inputs, ReferenceFeatures, SetMetric
from harness.picture_folders import shown
from harness.reference import (
    ReferenceSource,
    check_enough,
    check_reference,
    framed,
    load_reference,
    reference_files,
    reference_lacks,
    unreadable_remark,
)
from harness.rows import Rows, Vectors, as_rows
from harness.score import file_type, set_score
from harness.score_plan import FRECHET_CHOICES, Progress, stage
from harness.types import Score


@dataclass(frozen=True)
class SeenFolder:
    """The pictures of a folder that could be read, in the order of their paths, as extractors see them.

    `features` and `identities` go by the extractor's name. `remarks` count what was left out or converted.
    """

    features: Mapping[str, Rows]
    identities: Mapping[str, str]
    n: int
    file_type: str
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class Distances:
    """What came out: one score a metric, `reference` (its pictures' identity, n), and remarks for people.

    `skipped` holds (metric, why)."""

    scores: tuple[Score, ...]
    reference: tuple[str, int]
    notes: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]


def available_frechet(extractors: Extractors, reference: ReferenceSource | None = None) -> SetMetric:
    """The first Fréchet distance whose weights can be had, and which `reference` has what it takes for.

    Raises InputError where there is none.
    """
    problems = []
    for name in FRECHET_CHOICES:
        metric = find_metric(name)
        problem = _problem(metric, extractors, reference)
        if problem is None and isinstance(metric, SetMetric):
            return metric
        problems.append(f"{name}: {problem}")
    raise InputError("no Fréchet distance can be computed: " + "; ".join(problems))


def distance_metrics(
    asked: Sequence[str] | None, extractors: Extractors, reference: ReferenceSource
) -> tuple[tuple[SetMetric, ...], tuple[str, ...]]:
    """The metrics to compute, and remarks. Loads no network.

    None asks for the first Fréchet distance that is possible and all other metrics of two sets that need
    the same extractor only, as they cost no further pass. Raises InputError for an unknown metric, one that
    is not about a set of pictures, and one that cannot be computed.
    """
    if asked is None:
        first = available_frechet(extractors, reference)
        chosen = [first]
        for name in names():
            metric = find_metric(name)
            fits = isinstance(metric, SetMetric) and metric.needs_reference and not metric.text_extractors
            if not fits or metric.image_extractors != first.image_extractors or name == first.name:
                continue
            if isinstance(metric, SetMetric) and _problem(metric, extractors, reference) is None:
                chosen.append(metric)
        wanted = FRECHET_CHOICES[0]
        why = _problem(find_metric(wanted), extractors, reference)
        notes = () if why is None else (f"{first.name} stands in for {wanted}: {why}",)
        return tuple(chosen), notes
    chosen = []
    for name in dict.fromkeys(asked):
        metric = find_metric(name)
        if not isinstance(metric, SetMetric) or metric.text_extractors:
            raise InputError(
                f"metric {name} judges single pictures or texts, not the distance of two folders"
            )
        if problem := _problem(metric, extractors, reference):
            raise InputError(f"metric {name} cannot be computed: {problem}")
        chosen.append(metric)
    return tuple(chosen), ()


def measure(
    folder: ReferenceSource,
    reference: ReferenceSource,
    metrics: Sequence[str] | None,
    extractors: Extractors,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> Distances:
    """Scores the pictures of `folder` against `reference` as a run's pictures are, each its own cluster.

    Raises InputError where the folder is none, either side has fewer than 2 readable pictures, or a metric
    that was asked for cannot be computed.
    """
    if folder.kind != "folder":
        raise InputError(f"{shown(folder.location)}: the first argument must be a folder of pictures")
    reference_files(folder, "folder")
    check_reference(reference)
    chosen, notes = distance_metrics(metrics, extractors, reference)
    device = extractors.setting.device
    looking = [
        extractors.image(name) for name in dict.fromkeys(e for m in chosen for e in m.image_extractors)
    ]
    real, on_reference = load_reference(
        reference, looking, device=device, progress=stage(progress, "reference features")
    )
    seen = look_at_folder(folder, looking, device=device, progress=stage(progress, "picture features"))
    inputs = set_inputs(seen.features, seen.identities, seen.file_type, real, seed)
    scores: list[Score] = []
    remarks = [*notes, *seen.remarks, *on_reference]
    skipped: list[tuple[str, str]] = []
    for metric in chosen:
        try:
            score, about = set_score(metric, inputs)
        except ValueError as error:
            skipped.append((metric.name, str(error)))
            continue
        scores.append(score)
        remarks += about
    return Distances(tuple(scores), (real.identity, real.n), tuple(remarks), tuple(skipped))


def look_at_folder(
    folder: ReferenceSource,
    extractors: Sequence[ImageExtractor],
    *,
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> SeenFolder:
    """One pass over a folder's pictures, brought to its frame. Raises InputError below 2 readable ones."""
    files = reference_files(folder, "folder")
    seen = framed(extractors, folder.framing)
    found = image_features([Item(path) for path in files], seen, device=device, progress=progress)
    check_enough(files, found.failed, shown(folder.location))
    kept = [files[place] for place in found.kept]
    return SeenFolder(
        {name: as_rows(features) for name, features in found.features.items()},
        {extractor.name: extractor.identity for extractor in seen},
        len(kept),
        file_type(path.name for path in kept),
        (*unreadable_remark(files, found.failed, "pictures"), *conversion_remark(kept, "pictures")),
    )


def set_inputs(
    features: Mapping[str, Rows],
    identities: Mapping[str, str],
    stored_as: str,
    reference: ReferenceFeatures | None,
    seed: int = 0,
) -> Inputs:
    """What set metrics read, for pictures without prompts: each is a cluster of its own."""
    n = len(next(iter(features.values())))
    return Inputs(
        features=features,
        captions=[""] * n,
        clusters=np.arange(n, dtype=np.intp),
        identities=identities,
        embed=_no_texts,
        reference=reference,
        file_type=stored_as,
        seed=seed,
        metas=[{}] * n,
    )


def _problem(metric: AnyMetric, extractors: Extractors, reference: ReferenceSource | None) -> str | None:
    lacks = (extractors.missing(name) for name in metric.image_extractors)
    return next(filter(None, lacks), None) or reference_lacks(reference, metric)


def _no_texts(name: str, texts: Sequence[str]) -> Vectors:
    raise ValueError(f"pictures without prompts have no texts for {name}")
