"""How much of a picture is saturated: what large guidance weights do to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.metrics.base import Inputs
from harness.types import Direction


@dataclass(frozen=True)
class SaturatedValues:
    """Share of a picture's 8-bit values that are 0 or 255, in each of its channels.

    Classifier-free guidance with a large weight pushes values past the range of pictures, where thresholding
    cuts them off (Saharia et al. 2022, section 2.3). Real pictures have some such values too, drawings many,
    so compare it with what the reference pictures have.
    """

    name: str = "saturated_values"
    direction: Direction = "lower"
    image_extractors: tuple[str, ...] = ("saturation",)
    text_extractors: tuple[str, ...] = ()
    needs_reference: bool = False
    bounds: tuple[float, float] | None = (0.0, 1.0)

    def identity(self, inputs: Inputs) -> str:
        """`name[counting|file type]`."""
        return f"{self.name}[{inputs.identities['saturation']}|{inputs.file_type}]"

    def per_image(self, inputs: Inputs) -> NDArray[np.float64]:
        """The share for each picture, (n,), in 0..1."""
        shares: NDArray[np.float64] = np.asarray(inputs.features["saturation"], dtype=np.float64)
        return shares[:, 0] + shares[:, 1]
