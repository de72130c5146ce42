"""A metric: a number for each picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from drawbench_example import PAINTS
from harness.metrics.base import Inputs


@dataclass(frozen=True)
class ColourMatch:
    """How near a picture's mean colour is to the one that its prompt names: 1 is equal, 0 the farthest."""

    name: str = "colour-match"
    direction: Literal["higher", "lower"] = "higher"
    image_extractors: tuple[str, ...] = ("mean-colour",)
    text_extractors: tuple[str, ...] = ()
    needs_reference: bool = False
    bounds: tuple[float, float] | None = (0.0, 1.0)

    def identity(self, inputs: Inputs) -> str:
        """Everything that computed the number: scores of unequal identity are not comparable."""
        return f"{self.name}[{inputs.identities['mean-colour']}|rgb|{inputs.file_type}]"

    def per_image(self, inputs: Inputs) -> NDArray[np.float64]:
        """1 minus the distance in RGB over the longest one, (n,); NaN for prompts that name no colour."""
        asked = [PAINTS.get(meta.get("colour", ""), (np.nan,) * 3) for meta in inputs.metas]
        distance = np.linalg.norm(np.asarray(inputs.features["mean-colour"]) - np.asarray(asked), axis=1)
        scores: NDArray[np.float64] = 1.0 - distance / np.linalg.norm((255.0,) * 3)
        return scores
