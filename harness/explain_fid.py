"""Why published numbers disagree: one folder's distance under many conditions, one factor after the other.

The conditions are how pictures are resized for the network and whether they are cropped before (both sides
alike), how the scored pictures are stored, how many of them there are, and which reference is used.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from drawbench.errors import InputError
from harness.decode import RgbImage
from harness.distance import available_frechet, distance_metrics, look_at_folder, set_inputs
from harness.extractors import Extractors
from harness.extractors.altered import Altered
from harness.extractors.base import ImageExtractor
from harness.framing import center_square
from harness.metrics.base import ReferenceFeatures, SetMetric
from harness.picture_folders import shown
from harness.reference import ReferenceSource, check_reference, load_reference, reference_files
from harness.resizing import INCEPTION_SIDE, RESIZES, through_jpeg, to_bytes
from harness.rows import subset
from harness.score import set_score
from harness.score_plan import Progress, stage
from harness.types import Score

AS_STORED = "as stored"
STORED: Mapping[str, int | None] = {AS_STORED: None, "jpeg90": 90, "jpeg75": 75}
FACTORS = ("resize", "crop", "stored", "n", "reference")
_OWN_RESIZE = {
    "inception": "clean",
    "inception_tensorflow": "legacy_tensorflow",
    "inception_fidelity": "legacy_tensorflow",
    "inception_pytorch": "legacy_pytorch",
    "effnet_lite0": "pillow_bicubic",
}
_EFFNET_SIDE = 224


@dataclass(frozen=True, slots=True)
class Conditions:
    """What one number was computed under. `n` pictures were scored, `reference` is as the user wrote it."""

    resize: str
    crop: str
    stored: str
    n: int
    reference: str


@dataclass(frozen=True)
class Levels:
    """The values that each factor takes. Raises ValueError for unknown ones.

    The first crop and the first way to store are the base's; the base's resize is the extractor's own, and
    its number of pictures all of them, of which `shares` are scored as well.
    """

    resizes: tuple[str, ...] = tuple(RESIZES)
    crops: tuple[str, ...] = ("none", "center")
    stored: tuple[str, ...] = tuple(STORED)
    shares: tuple[float, ...] = (0.25, 0.5)

    def __post_init__(self) -> None:
        for given, known in (
            (self.resizes, RESIZES),
            (self.crops, ("none", "center")),
            (self.stored, STORED),
        ):
            if unknown := set(given) - set(known):
                raise ValueError(f"{', '.join(sorted(unknown))} is not among {', '.join(known)}")
        if not all(0 < share < 1 for share in self.shares):
            raise ValueError(f"shares must lie between 0 and 1, not {self.shares}")


@dataclass(frozen=True)
class Explanation:
    """The numbers, the base's first, and remarks. `full` tells whether every combination is there."""

    cells: tuple[tuple[Conditions, Score], ...]
    notes: tuple[str, ...]
    full: bool

    @property
    def base(self) -> tuple[Conditions, Score]:
        """What `drawbench distance` gives for the same folder and the first reference."""
        return self.cells[0]

    def effects(self) -> list[tuple[str, Conditions, float]]:
        """For each factor that was varied the cell that lies furthest from the base by this factor alone,
        and its difference from the base; the largest first."""
        conditions, score = self.base
        found = []
        for factor in FACTORS:
            alone = [
                (cell, one.value - score.value)
                for cell, one in self.cells[1:]
                if _with(cell, factor, getattr(conditions, factor)) == conditions
            ]
            if alone:
                cell, change = max(alone, key=lambda pair: abs(pair[1]))
                found.append((factor, cell, change))
        return sorted(found, key=lambda effect: -abs(effect[2]))


def explain(
    folder: ReferenceSource,
    references: Sequence[str],
    extractors: Extractors,
    *,
    levels: Levels | None = None,
    metric: str | None = None,
    full: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> Explanation:
    """Scores `folder` under the conditions. Each way of looking is one pass of the network, then cached.

    `references` are as behind --reference; the first is the base's. Without `full` one factor is varied at a
    time, with it all are combined. `metric` None takes the first Fréchet distance that is possible. Raises
    InputError as `harness.distance.measure` does, and for an extractor with an unknown resize.
    """
    levels = levels or Levels()
    sources = {text: ReferenceSource.parse(text) for text in dict.fromkeys(references)}
    if folder.kind != "folder":
        raise InputError(f"{shown(folder.location)}: the first argument must be a folder of pictures")
    reference_files(folder, "folder")
    for source in sources.values():
        check_reference(source)
    first = next(iter(sources.values()))
    chosen = _metric(metric, extractors, first)
    (name,) = chosen.image_extractors
    if name not in _OWN_RESIZE:
        raise InputError(
            f"how extractor {name} of metric {chosen.name} resizes is not known here; "
            f"known are {', '.join(_OWN_RESIZE)}"
        )
    inner, device = extractors.image(name), extractors.setting.device
    base = Conditions(_OWN_RESIZE[name], levels.crops[0], levels.stored[0], 0, next(iter(sources)))
    looks = {
        (c.resize, c.crop, c.stored): look(inner, c.resize, c.crop, c.stored)
        for c in _cells(base, levels, (), tuple(sources), full)
    }
    seen = look_at_folder(
        folder, list(looks.values()), device=device, progress=stage(progress, "picture features")
    )
    counts = [max(2, round(share * seen.n)) for share in levels.shares]
    cells = _cells(replace(base, n=seen.n), levels, counts, tuple(sources), full)
    notes = list(seen.remarks)
    real: dict[str, ReferenceFeatures] = {}
    for number, (text, source) in enumerate(sources.items(), start=1):
        looking = (_look_at_reference(inner, c, source) for c in cells if c.reference == text)
        needed = {one.name: one for one in looking}
        real[text], remarks = load_reference(
            source, list(needed.values()), device=device, progress=stage(progress, f"reference {number}")
        )
        notes += remarks
        if source.kind == "stats":
            notes.append(f"{shown(text)} is statistics: how its pictures were resized and cropped is fixed")
    order = np.random.default_rng(seed).permutation(seen.n)
    advance = stage(progress, "distances")
    scored = []
    for done, cell in enumerate(cells):
        if advance:
            advance(done, len(cells))
        own = looks[cell.resize, cell.crop, cell.stored].name
        against = _look_at_reference(inner, cell, sources[cell.reference]).name
        inputs = set_inputs(
            {name: subset(seen.features[own], np.sort(order[: cell.n]))},
            {name: seen.identities[own]},
            seen.file_type,
            _renamed(real[cell.reference], against, name),
            seed,
        )
        try:
            scored.append((cell, set_score(chosen, inputs)[0]))
        except ValueError as error:
            raise InputError(f"{chosen.name} of {cell.n} pictures: {error}") from None
    if advance:
        advance(len(cells), len(cells))
    return Explanation(tuple(scored), tuple(dict.fromkeys(notes)), full)


def look(inner: ImageExtractor, resize: str, crop: str, stored: str) -> ImageExtractor:
    """The extractor under these conditions; itself where they are its own.

    The alteration ends in a picture of the network's own size, which the extractor's own resizing leaves as
    it is.
    """
    own = _OWN_RESIZE[inner.name]
    steps = [part for part, there in ((stored, stored != AS_STORED), ("center", crop == "center")) if there]
    if resize != own:
        steps.append(resize)
    if not steps:
        return inner
    eight_bit = inner.name == "effnet_lite0"
    side = _EFFNET_SIDE if eight_bit else INCEPTION_SIDE
    change = partial(
        _changed,
        quality=STORED[stored],
        crop=crop == "center",
        resize=resize if resize != own else None,
        side=side,
        eight_bit=eight_bit,
    )
    what = ", ".join(steps)
    return Altered(inner, what, change, f"{inner.name} after {what}")


def _changed(
    image: RgbImage, *, quality: int | None, crop: bool, resize: str | None, side: int, eight_bit: bool
) -> Any:
    if quality is not None:
        image = through_jpeg(image, quality)
    if crop:
        image = center_square(image)
    if resize is None:
        return image
    pixels = RESIZES[resize](image, side)
    return to_bytes(pixels) if eight_bit else pixels


def _look_at_reference(inner: ImageExtractor, cell: Conditions, source: ReferenceSource) -> ImageExtractor:
    """How the reference is looked at: as the pictures are, but never stored anew; statistics are fixed."""
    return inner if source.kind == "stats" else look(inner, cell.resize, cell.crop, AS_STORED)


def _renamed(reference: ReferenceFeatures, seen: str, name: str) -> ReferenceFeatures:
    """The reference as one extractor saw it, under the name that the metric asks for."""
    if seen in reference.moments:
        return reference
    return replace(reference, features={name: reference.features[seen]})


def _cells(
    base: Conditions, levels: Levels, counts: Sequence[int], references: Sequence[str], full: bool
) -> list[Conditions]:
    """The base first, then every other combination, or those that differ from it in one factor."""
    axes: dict[str, Sequence[Any]] = {
        "resize": (base.resize, *levels.resizes),
        "crop": levels.crops,
        "stored": levels.stored,
        "n": (base.n, *counts),
        "reference": references,
    }
    if full:
        every = itertools.product(*axes.values())
        combined = [Conditions(**dict(zip(axes, values, strict=True))) for values in every]
        return list(dict.fromkeys([base, *combined]))
    alone = [_with(base, factor, value) for factor, values in axes.items() for value in values]
    return list(dict.fromkeys([base, *alone]))


def _with(conditions: Conditions, factor: str, value: Any) -> Conditions:
    changed: dict[str, Any] = {factor: value}
    return replace(conditions, **changed)


def _metric(asked: str | None, extractors: Extractors, reference: ReferenceSource) -> SetMetric:
    if asked is None:
        return available_frechet(extractors, reference)
    (chosen,), _ = distance_metrics([asked], extractors, reference)
    if len(chosen.image_extractors) != 1 or not chosen.needs_reference:
        raise InputError(f"metric {asked} is no distance on one extractor's features")
    return chosen
