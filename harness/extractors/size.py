"""A picture's size as an observation: the least that shows that it can be read at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.decode import RgbImage


class Size:
    """[width, height] in pixels."""

    name = "size"
    identity = "size"

    def observe_images(self, images: Sequence[RgbImage]) -> list[Any]:
        """See ImageObserver."""
        return [[int(image.shape[1]), int(image.shape[0])] for image in images]
