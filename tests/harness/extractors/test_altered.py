"""An extractor behind an alteration is the extractor on altered pictures, under another identity."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.extractors.altered import Altered
from harness.extractors.base import ImageExtractor
from harness.framing import Framing


class Corner:
    """The first pixel."""

    name, identity, dim = "corner", "corner-1", 3

    def extract_images(self, images: Sequence[np.ndarray]) -> np.ndarray:
        return np.array([image[0, 0] for image in images], np.float32).reshape(-1, 3)


class TwoSteps(Corner):
    """The same in two steps."""

    def prepare(self, image: np.ndarray) -> np.ndarray:
        return image[:1, :1]

    def extract_prepared(self, batch: Sequence[np.ndarray]) -> np.ndarray:
        assert all(part.shape == (1, 1, 3) for part in batch)
        return super().extract_images(batch)


def test_sees_what_was_altered() -> None:
    images = [np.random.default_rng(i).integers(0, 256, (9, 5 + i, 3), dtype=np.uint8) for i in range(3)]
    frame = Framing(4, "center")
    expected = Corner().extract_images([frame.apply(image) for image in images])
    for inner in (Corner(), TwoSteps()):
        altered = Altered(inner, frame.identity, frame.apply, "altered")
        assert isinstance(altered, ImageExtractor)
        assert (altered.name, altered.dim) == ("altered", 3)
        assert altered.identity == "corner-1|after center4-bicubic"
        np.testing.assert_array_equal(altered.extract_images(images), expected)
        prepared = [altered.prepare(image) for image in images]
        np.testing.assert_array_equal(altered.extract_prepared(prepared), expected)
