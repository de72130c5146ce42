"""VQAScore: does a vision-language model say "Yes" when asked whether the picture shows the text?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.metrics.base import Inputs
from harness.types import Direction


@dataclass(frozen=True)
class VqaScore:
    """VQAScore: the probability of "Yes" to 'Does this figure show "{text}"?' (Lin et al. 2024), 0..1.

    Numbers of different models are not comparable; the identity names the model, the question and the
    token that is read.
    """

    name: str = "vqa_score"
    direction: Direction = "higher"
    image_extractors: tuple[str, ...] = ()
    text_extractors: tuple[str, ...] = ()
    pair_judges: tuple[str, ...] = ("vqa",)
    needs_reference: bool = False
    bounds: tuple[float, float] | None = (0.0, 1.0)

    def identity(self, inputs: Inputs) -> str:
        """`vqa_score[model|class|question|form|answer|number format|file type]`."""
        return f"{self.name}[{inputs.identities['vqa']}|{inputs.file_type}]"

    def per_image(self, inputs: Inputs) -> NDArray[np.float64]:
        """The probability for each picture with its caption, (n,), in 0..1."""
        if inputs.judge is None:
            raise ValueError("the inputs come without a judge of pairs")
        return inputs.judge("vqa", inputs.captions).astype(np.float64)
