"""How much of a picture lies at the ends of the range of values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.decode import RgbImage
from harness.rows import Vectors


class Saturation:
    """Shares of a picture's 8-bit values that are 0 and that are 255, over all three channels."""

    name = "saturation"
    identity = "8-bit-0-and-255"
    dim = 2

    def prepare(self, image: RgbImage) -> NDArray[Any]:
        """The two shares in 0..1, (2,)."""
        return np.array([np.mean(image == 0), np.mean(image == 255)], dtype=np.float32)

    def extract_prepared(self, batch: Sequence[NDArray[Any]]) -> Vectors:
        """See Prepares."""
        return np.stack(batch)

    def extract_images(self, images: Sequence[RgbImage]) -> Vectors:
        """The shares of each picture, (n, 2)."""
        return self.extract_prepared([self.prepare(image) for image in images])
