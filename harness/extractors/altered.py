"""An extractor that sees each picture after something was done to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray

from harness.decode import RgbImage
from harness.extractors.base import ImageExtractor
from harness.rows import Vectors


class Altered:
    """`inner` on `alter(picture)`, under the name `name`; see ImageExtractor.

    `what` names the alteration and all that decides it; with the inner extractor's identity it makes this
    one's, so features of differently treated pictures never meet in a cache. The alteration belongs to the
    first of the two steps that an extractor may work in (`prepare`, then `extract_prepared`).
    """

    def __init__(self, inner: ImageExtractor, what: str, alter: Callable[[RgbImage], Any], name: str) -> None:
        self.name = name
        self.identity = f"{inner.identity}|after {what}"
        self.dim = inner.dim
        self._alter = alter
        self._prepare: Callable[[Any], Any] = getattr(inner, "prepare", lambda image: image)
        self._extract: Callable[[Sequence[Any]], Vectors] = getattr(
            inner, "extract_prepared", inner.extract_images
        )

    def extract_images(self, images: Sequence[RgbImage]) -> Vectors:
        """See ImageExtractor."""
        return self.extract_prepared([self.prepare(image) for image in images])

    def prepare(self, image: RgbImage) -> NDArray[Any]:
        """The picture after the alteration, as the inner extractor prepares it."""
        prepared: NDArray[Any] = self._prepare(self._alter(image))
        return prepared

    def extract_prepared(self, batch: Sequence[NDArray[Any]]) -> Vectors:
        """Features (len(batch), dim) of prepared pictures."""
        return self._extract(batch)
