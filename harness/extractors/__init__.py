"""Extractors: pictures and texts to vectors. Found by name, built-in ones and those of other packages.

Another package adds one with an entry point in the group "drawbench.extractors" that names an
`ExtractorSpec`.
"""

from __future__ import annotations

import difflib
from functools import cache
from importlib.metadata import entry_points

from drawbench.errors import InputError
from harness.extractors.base import (
    AnyExtractor,
    ExtractorSpec,
    ImageExtractor,
    ImageObserver,
    NeedsWeights,
    PairJudge,
    Setting,
    TextExtractor,
)
from harness.weights import asset

GROUP = "drawbench.extractors"

__all__ = ["GROUP", "ExtractorSpec", "Extractors", "ImageExtractor", "Setting", "TextExtractor", "find_spec"]


class Extractors:
    """The extractors of one scoring: each is built on first use and then kept."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self._built: dict[str, AnyExtractor] = {}

    def missing(self, name: str) -> str | None:
        """What the extractor lacks, as one line, or None. Raises InputError for an unknown name."""
        return None if name in self._built else find_spec(name).missing(self.setting)

    def image(self, name: str) -> ImageExtractor:
        """The extractor, for pictures. Raises InputError where it is unknown or cannot be built."""
        built = self._get(name)
        if not isinstance(built, ImageExtractor):
            raise InputError(f"extractor {name!r} reads no pictures")
        return built

    def text(self, name: str) -> TextExtractor:
        """The extractor, for texts. Raises InputError where it is unknown or cannot be built."""
        built = self._get(name)
        if not isinstance(built, TextExtractor):
            raise InputError(f"extractor {name!r} reads no texts")
        return built

    def observer(self, name: str) -> ImageObserver:
        """The extractor, for what it observes. Raises InputError where it is unknown or cannot be built."""
        built = self._get(name)
        if not isinstance(built, ImageObserver):
            raise InputError(f"extractor {name!r} observes no pictures")
        return built

    def pair(self, name: str) -> PairJudge:
        """The extractor, for pairs. Raises InputError where it is unknown or cannot be built."""
        built = self._get(name)
        if not isinstance(built, PairJudge):
            raise InputError(f"extractor {name!r} judges no pairs of picture and text")
        return built

    def _get(self, name: str) -> AnyExtractor:
        if name not in self._built:
            self._built[name] = find_spec(name).build(self.setting)
        return self._built[name]


def find_spec(name: str) -> ExtractorSpec:
    """The registry's entry of that name. Raises InputError with suggestions for an unknown one."""
    if name in _builtin():
        return _builtin()[name]
    for point in entry_points(group=GROUP):
        if point.name == name:
            try:
                loaded = point.load()
            except Exception as error:  # another package's code may fail in any way
                raise InputError(f"extractor {name!r} of {point.value} cannot be loaded: {error}") from error
            if not isinstance(loaded, ExtractorSpec):
                raise InputError(
                    f"entry point {name!r} of group {GROUP} names no ExtractorSpec: {point.value}"
                )
            return loaded
    close = difflib.get_close_matches(name, names(), n=1)
    hint = f"; did you mean {close[0]}?" if close else "."
    raise InputError(f"unknown extractor {name!r}{hint} Known are {', '.join(names())}")


def names() -> list[str]:
    """Every extractor's name, sorted."""
    return sorted({*_builtin(), *(point.name for point in entry_points(group=GROUP))})


def needs_assets(*ids: str) -> NeedsWeights:
    """A `missing` for extractors that need just these assets."""
    return NeedsWeights(lambda setting: tuple(map(asset, ids)))


@cache
def _builtin() -> dict[str, ExtractorSpec]:
    from harness.extractors import (
        clip,
        cmmd_clip,
        detector,
        dinov2,
        effnet,
        inception,
        minilm,
        ocr,
        pick,
        saturation,
        scenes_judge,
        size,
        vqa,
    )

    script, state = needs_assets("inception-2015-12-05"), needs_assets("pt-inception-2015-12-05")
    specs = (
        ExtractorSpec("effnet_lite0", effnet.build, needs_assets("efficientnet-lite0")),
        ExtractorSpec("effnet_lite0_halves", effnet.build_halves, needs_assets("efficientnet-lite0")),
        ExtractorSpec("inception", inception.build_clean, script),
        ExtractorSpec("inception_tensorflow", inception.build_tensorflow, script),
        ExtractorSpec("inception_pytorch", inception.build_pytorch, state),
        ExtractorSpec("inception_fidelity", inception.build_fidelity, state),
        ExtractorSpec("minilm", minilm.build, needs_assets("all-MiniLM-L6-v2")),
        ExtractorSpec("clip", clip.build, clip.missing),
        ExtractorSpec("clip_l14_336", cmmd_clip.build, cmmd_clip.missing),
        ExtractorSpec("dinov2", dinov2.build, needs_assets(dinov2.LARGE)),
        ExtractorSpec("dinov2_b14", dinov2.build_base, needs_assets(dinov2.BASE)),
        ExtractorSpec("pick", pick.build, pick.missing),
        ExtractorSpec("scenes_judge", scenes_judge.build, lambda setting: None),
        ExtractorSpec("detector", detector.build, detector.missing),
        ExtractorSpec("ocr", ocr.build, ocr.missing),
        ExtractorSpec("saturation", lambda setting: saturation.Saturation(), lambda setting: None),
        ExtractorSpec("size", lambda setting: size.Size(), lambda setting: None),
        ExtractorSpec("vqa", vqa.build, vqa.missing),
    )
    return {spec.name: spec for spec in specs}
