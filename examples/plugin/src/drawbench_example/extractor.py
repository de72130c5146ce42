"""An extractor: pictures to vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.extractors.base import ExtractorSpec, Setting


class MeanColour:
    """The mean of each channel, 0..255."""

    name = "mean-colour"
    identity = "mean-colour/1"
    dim = 3

    def extract_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """(len(images), 3) from RGB uint8 pictures (height, width, 3) of any sizes."""
        return np.stack([image.mean(axis=(0, 1), dtype=np.float64) for image in images]).astype(np.float32)


def build(setting: Setting) -> MeanColour:
    """One with weights finds them here, through `setting.weights`."""
    return MeanColour()


SPEC = ExtractorSpec("mean-colour", build, missing=lambda setting: None)
