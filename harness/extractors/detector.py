"""Objects and their colours in a picture, as an observer: what GenEval's check is computed from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.decode import RgbImage
from harness.extractors import clip
from harness.extractors.base import Setting
from harness.geneval.colours import ColourReader
from harness.geneval.detectors import Detector, build_detector, missing_detector


class ObjectEye:
    """The detector of a setting with CLIP for colours.

    An observation is a list of {"class", "score", "box", "colour"}; box is [left, top, right, bottom] in
    pixels, colour one of GenEval's ten or None.
    """

    name = "detector"

    def __init__(self, detector: Detector, colours: ColourReader) -> None:
        self._detector, self._colours = detector, colours
        self.identity = f"{detector.identity}|{colours.identity}"

    def observe_images(self, images: Sequence[RgbImage]) -> list[Any]:
        """See ImageObserver."""
        rows = []
        for image, found in zip(images, self._detector.detect(images), strict=True):
            named = zip(found, self._colours.colours(image, found), strict=True)
            rows.append(
                [
                    {"class": one.name, "score": float(one.score), "box": list(one.box), "colour": colour}
                    for one, colour in named
                ]
            )
        return rows


def missing(setting: Setting) -> str | None:
    """What the detector or CLIP lacks, as one line, or None."""
    return missing_detector(setting) or clip.missing(setting)


def build(setting: Setting) -> ObjectEye:
    """Builds the detector and CLIP of the setting. Raises InputError where that cannot be done."""
    return ObjectEye(build_detector(setting), ColourReader(clip.build(setting)))
