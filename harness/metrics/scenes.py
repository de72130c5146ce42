"""Whether pictures of the bench `scenes` show what their scenes ask: scenes_accuracy and its parts.

What each part means is defined in `harness.scenes_judge.verdict`, in one place.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drawbench.errors import InputError
from drawbench.scenes import Scene, scene_from_dict
from harness.metrics.base import Inputs
from harness.scenes_judge.decode import from_vector
from harness.scenes_judge.reason import reason
from harness.scenes_judge.verdict import judge
from harness.types import Direction

RULES = "rules1"
"""Raised with every change of the verdict's rules, which changes the metrics' identity."""

_EXTRACTOR = "scenes_judge"


@dataclass(frozen=True)
class ScenesMetric:
    """One part of the judge's verdict on a picture of a scene, 0..1; no value where the part does not apply.

    `part` names the field of `harness.scenes_judge.verdict.Verdict`.
    """

    name: str
    part: str
    direction: Direction = "higher"
    image_extractors: tuple[str, ...] = (_EXTRACTOR,)
    text_extractors: tuple[str, ...] = ()
    needs_reference: bool = False
    bounds: tuple[float, float] | None = (0.0, 1.0)

    def identity(self, inputs: Inputs) -> str:
        """`name[judge's weights|preprocessing|threshold|rules|file type]`."""
        return f"{self.name}[{inputs.identities[_EXTRACTOR]}|{RULES}|{inputs.file_type}]"

    def unsuited(self, metas: Sequence[Mapping[str, Any]]) -> str | None:
        """Why prompts with these `meta` cannot be judged, or None."""
        if not metas or not all("things" in meta for meta in metas):
            return "the prompts come without scenes; only the bench scenes has them"
        try:
            for meta in metas:
                judge(scene_from_dict(meta), ())
        except (InputError, ValueError) as error:
            return str(error)
        return None

    def applies(self, meta: Mapping[str, Any]) -> bool:
        """Whether a picture of this prompt can have a value: whether the part is asked at all."""
        scene = scene_from_dict(meta)
        asked = {
            "colours": any(t.colour is not None for t in scene.things),
            "counts": any(t.count > 1 for t in scene.things),
            "relation": scene.relation is not None,
        }
        return bool(scene.things) and asked.get(self.part.removesuffix("_strict"), True)

    def per_image(self, inputs: Inputs) -> NDArray[np.float64]:
        """The part of each picture's verdict, (n,), in 0..1; NaN where it does not apply."""
        values = []
        for scene, vector in zip(_scenes(inputs), inputs.features[_EXTRACTOR], strict=True):
            value = getattr(judge(scene, from_vector(vector)), self.part)
            values.append(math.nan if value is None else value)
        return np.array(values, dtype=np.float64)


@dataclass(frozen=True)
class ScenesAccuracy(ScenesMetric):
    """Share of pictures that show every object, colour, count and relation that their scene asks, after GenEval.

    1 or 0 a picture, with a reason. Written words and backgrounds are not judged.
    """

    name: str = "scenes_accuracy"
    part: str = "correct"

    def reasons(self, inputs: Inputs) -> list[str | None]:
        """For each picture one line that says what was asked and what was seen."""
        pairs = zip(_scenes(inputs), inputs.features[_EXTRACTOR], strict=True)
        return [reason(scene, from_vector(vector)) for scene, vector in pairs]


SCENES_METRICS: tuple[ScenesMetric, ...] = (
    ScenesAccuracy(),
    ScenesMetric("scenes_objects", "objects"),
    ScenesMetric("scenes_colours", "colours"),
    ScenesMetric("scenes_colours_strict", "colours_strict"),
    ScenesMetric("scenes_counts", "counts"),
    ScenesMetric("scenes_counts_strict", "counts_strict"),
    ScenesMetric("scenes_relations", "relation"),
    ScenesMetric("scenes_relations_strict", "relation_strict"),
)
"""The whole verdict and its parts; `_strict` counts a missing object as wrong."""


def _scenes(inputs: Inputs) -> list[Scene]:
    return [scene_from_dict(meta) for meta in inputs.metas]
