"""PickScore: which picture people would choose for a prompt (Kirstain et al. 2023, "Pick-a-Pic")."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.metrics.base import Inputs
from harness.types import Direction


@dataclass(frozen=True)
class PickScore:
    """PickScore: logit scale times the cosine of picture and caption, by a CLIP trained on choices.

    With the scale kept, a difference of two pictures' scores is the log odds of one being chosen over the
    other. The caption goes in as it is.
    """

    name: str = "pick_score"
    direction: Direction = "higher"
    image_extractors: tuple[str, ...] = ("pick",)
    text_extractors: tuple[str, ...] = ("pick",)
    needs_reference: bool = False
    bounds: tuple[float, float] | None = None

    def identity(self, inputs: Inputs) -> str:
        """`pick_score[network|scale|number format|logit-scale-kept|eos-kept|file type]`."""
        return f"{self.name}[{inputs.identities['pick']}|logit-scale-kept|eos-kept|{inputs.file_type}]"

    def per_image(self, inputs: Inputs) -> NDArray[np.float64]:
        """The score of each picture, (n,), within the scale on both sides of 0."""
        pictures = np.asarray(inputs.features["pick"]).astype(np.float64)
        captions = inputs.embed("pick", inputs.captions).astype(np.float64)
        scores: NDArray[np.float64] = np.einsum("nd,nd->n", pictures, captions)
        return scores
