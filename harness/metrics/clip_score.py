"""How well a picture fits its caption in CLIP's space, under each of the conventions in use.

Published numbers differ by the factor (1, 100 or 2.5), by a floor at 0 and by words before the caption. They
are one cosine of the same features, so each convention is a metric of its own with its name in the identity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.metrics.alignment import cosines
from harness.metrics.base import Inputs
from harness.types import Direction


@dataclass(frozen=True)
class ClipScore:
    """CLIP score: `factor` times the cosine of picture and caption, at least `floor` (None: no floor).

    `prefix` goes before each caption. A caption longer than the context is cut with its end mark kept:
    without the end mark CLIP's text vector is read at the wrong place.
    """

    name: str
    summary: str
    factor: float
    floor: float | None
    prefix: str = ""
    direction: Direction = "higher"
    image_extractors: tuple[str, ...] = ("clip",)
    text_extractors: tuple[str, ...] = ("clip",)
    needs_reference: bool = False

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest value."""
        return (-self.factor if self.floor is None else self.floor, self.factor)

    def identity(self, inputs: Inputs) -> str:
        """`name[network|factor|floor|prefix|eos-kept|file type]`."""
        factor = "cosine" if self.factor == 1 else f"x{self.factor:g}"
        floor = "no-floor" if self.floor is None else f"floor{self.floor:g}"
        prefix = f"prefix:{self.prefix.strip()}" if self.prefix else "no-prefix"
        parts = (inputs.identities["clip"], factor, floor, prefix, "eos-kept", inputs.file_type)
        return f"{self.name}[{'|'.join(parts)}]"

    def per_image(self, inputs: Inputs) -> NDArray[np.float64]:
        """The score of each picture, (n,), within `bounds`."""
        captions = inputs.embed("clip", [self.prefix + caption for caption in inputs.captions])
        scores = self.factor * cosines(np.asarray(inputs.features["clip"]), captions)
        return scores if self.floor is None else np.maximum(scores, self.floor)


CLIP_SCORES = (
    ClipScore(
        "clip_score",
        "100 * cosine of picture and caption in CLIP's space, at least 0, no words before the caption: the "
        "convention of torchmetrics and of the Imagen paper's axes.",
        factor=100.0,
        floor=0.0,
    ),
    ClipScore(
        "clip_cosine",
        "The plain cosine of picture and caption in CLIP's space, without floor or factor.",
        factor=1.0,
        floor=None,
    ),
    ClipScore(
        "clip_score_hessel",
        "2.5 * cosine, at least 0, with 'A photo depicts' before the caption (Hessel et al. 2021, equation "
        "1 and section 3).",
        factor=2.5,
        floor=0.0,
        prefix="A photo depicts ",
    ),
)
"""The conventions. They share the pictures' features; only the last embeds the captions anew."""
