"""Which colour a detected object has, by CLIP without training, as GenEval asks it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.decode import RgbImage
from harness.extractors.clip import Clip
from harness.geneval.detectors import Detection
from harness.geneval.rules import COLOURS

TEMPLATES = (
    "a photo of a {colour} {name}",
    "a photo of a {colour}-colored {name}",
    "a photo of a {colour} object",
)
BACKGROUND = 0x99
"""The grey that stands for all that is not the object, where the detector knows its pixels."""


class ColourReader:
    """Names the likeliest of GenEval's ten colours for each detection; a class's texts are embedded once."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        self._texts: dict[str, NDArray[np.float64]] = {}
        self.identity = f"colours:{clip.identity}|{len(TEMPLATES)} prompts|crop-on-#999999"

    def colours(self, image: RgbImage, found: Sequence[Detection]) -> list[str | None]:
        """The colour of each detection; None where its box holds no pixel of the picture."""
        crops = [crop(image, one) for one in found]
        seen = [part for part in crops if part is not None]
        vectors = iter(self._clip.extract_images(seen).astype(np.float64))
        return [
            None if part is None else COLOURS[int(np.argmax(self._classifier(one.name) @ next(vectors)))]
            for one, part in zip(found, crops, strict=True)
        ]

    def _classifier(self, name: str) -> NDArray[np.float64]:
        """One vector of length 1 for each colour: the mean over the prompts, (10, dim)."""
        if name not in self._texts:
            asked = [template.format(colour=c, name=name) for c in COLOURS for template in TEMPLATES]
            vectors = self._clip.extract_texts(asked).astype(np.float64)
            means = vectors.reshape(len(COLOURS), len(TEMPLATES), -1).mean(1)
            self._texts[name] = means / np.linalg.norm(means, axis=1, keepdims=True)
        return self._texts[name]


def crop(image: RgbImage, found: Detection) -> RgbImage | None:
    """The picture inside the box, with grey for what the mask leaves out. None where nothing is left."""
    height, width = image.shape[:2]
    left, top = max(round(found.box[0]), 0), max(round(found.box[1]), 0)
    right, bottom = min(round(found.box[2]), width), min(round(found.box[3]), height)
    if left >= right or top >= bottom:
        return None
    part = image[top:bottom, left:right]
    if found.mask is None:
        return part
    inside = found.mask[top:bottom, left:right, None]
    return np.where(inside, part, np.uint8(BACKGROUND))
