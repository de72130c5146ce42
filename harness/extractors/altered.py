"""An extractor that sees each picture after something was done to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from harness.decode import RgbImage
from harness.extractors.base import ImageExtractor
from harness.rows import Vectors


class Altered:
    """`inner` on `alter(picture)`, under the name `name`; see ImageExtractor.

    `what` names the alteration and all that decides it; with the inner extractor's identity it makes this
    one's, so features of differently treated pictures never meet in a cache.
    """

    def __init__(self, inner: ImageExtractor, what: str, alter: Callable[[RgbImage], Any], name: str) -> None:
        self.name = name
        self.identity = f"{inner.identity}|after {what}"
        self.dim = inner.dim
        self._inner = inner
        self._alter = alter

    def extract_images(self, images: Sequence[RgbImage]) -> Vectors:
        """See ImageExtractor."""
        return self._inner.extract_images([self._alter(image) for image in images])
