"""Whether pictures of the bench `scenes` show what their scenes ask: scenes_accuracy and its parts.

What each part means is defined in `harness.scenes_judge.verdict`, in one place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drawbench.errors import InputError
from drawbench.scenes import Scene, scene_from_dict
from drawbench.types import Prompt
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

    `part` names the field of `harness.scenes_judge.verdict.Verdict`, `summary` says it in words.
    """

    name: str
    part: str
    summary: str
    direction: Direction = "higher"
    image_extractors: tuple[str, ...] = (_EXTRACTOR,)
    text_extractors: tuple[str, ...] = ()
    needs_reference: bool = False
    bounds: tuple[float, float] | None = (0.0, 1.0)

    def identity(self, inputs: Inputs) -> str:
        """`name[judge's weights|preprocessing|threshold|rules|file type]`."""
        return f"{self.name}[{inputs.identities[_EXTRACTOR]}|{RULES}|{inputs.file_type}]"

    @property
    def family(self) -> str:
        """See ChosenWhereSuited."""
        return SCENES_METRICS[0].name

    def unsuited(self, prompts: Sequence[Prompt]) -> str | None:
        """Why these prompts cannot be judged, or None."""
        if not prompts or not all("things" in prompt.meta for prompt in prompts):
            return "the prompts come without scenes; only the bench scenes has them"
        try:
            for prompt in prompts:
                judge(scene_from_dict(prompt.meta), ())
        except (InputError, ValueError) as error:
            return str(error)
        return None

    def applies(self, prompt: Prompt) -> bool:
        """Whether a picture of this prompt can have a value: whether the part is asked at all."""
        scene = scene_from_dict(prompt.meta)
        asked = {
            "colours": any(t.colour is not None for t in scene.things),
            "counts": any(t.count > 1 for t in scene.things),
            "relation": scene.relation is not None,
        }
        return bool(scene.things) and asked.get(self.part.removesuffix("_strict"), True)

    def per_image(self, inputs: Inputs) -> NDArray[np.float64]:
        """The part of each picture's verdict, (n,), in 0..1; NaN where it does not apply."""
        values = []
        for scene, vector in zip(_scenes(inputs), np.asarray(inputs.features[_EXTRACTOR]), strict=True):
            value = getattr(judge(scene, from_vector(vector)), self.part)
            values.append(math.nan if value is None else value)
        return np.array(values, dtype=np.float64)


@dataclass(frozen=True)
class ScenesAccuracy(ScenesMetric):
    """The verdict as a whole, 1 or 0 a picture, with a reason."""

    def reasons(self, inputs: Inputs) -> list[str | None]:
        """For each picture one line that says what was asked and what was seen."""
        pairs = zip(_scenes(inputs), np.asarray(inputs.features[_EXTRACTOR]), strict=True)
        return [reason(scene, from_vector(vector)) for scene, vector in pairs]


_MISSING_IS_WRONG = "a missing object is wrong"

SCENES_METRICS: tuple[ScenesMetric, ...] = (
    ScenesAccuracy(
        "scenes_accuracy",
        "correct",
        "Share of pictures in which every object, colour, count and relation is as asked, after GenEval. "
        "Written words and backgrounds are not judged.",
    ),
    ScenesMetric("scenes_objects", "objects", "Of the asked kinds of object, the share that is found."),
    ScenesMetric(
        "scenes_colours", "colours", "Of the asked colours whose object is found, the share that is right."
    ),
    ScenesMetric(
        "scenes_colours_strict",
        "colours_strict",
        f"Of the asked colours, the share that is right; {_MISSING_IS_WRONG}.",
    ),
    ScenesMetric(
        "scenes_counts",
        "counts",
        "Of the asked counts above one with some of the object found, the share that is exactly right.",
    ),
    ScenesMetric(
        "scenes_counts_strict",
        "counts_strict",
        f"Of the asked counts above one, the share that is exactly right; {_MISSING_IS_WRONG}.",
    ),
    ScenesMetric(
        "scenes_relations",
        "relation",
        "Of the asked relations whose two objects are found, the share that is right.",
    ),
    ScenesMetric(
        "scenes_relations_strict",
        "relation_strict",
        f"Of the asked relations, the share that is right; {_MISSING_IS_WRONG}.",
    ),
)
"""The whole verdict and its parts; each value is the mean over the pictures to which it applies."""


def _scenes(inputs: Inputs) -> list[Scene]:
    return [scene_from_dict(meta) for meta in inputs.metas]
