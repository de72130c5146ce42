"""The bench `scenes`: captions of held-out combinations of the world, and pictures to compare with."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from drawbench.errors import InputError
from drawbench.scenes import (
    ATTRIBUTION,
    WORLD_VERSION,
    digest,
    draw,
    render,
    scene_from_dict,
    scene_to_dict,
    spec,
)
from drawbench.types import Bench, Prompt, Reference

MAX_PROMPTS = 20_000
LEAST_REFERENCE = 1000
"""A reference has at least this many pictures, however short the bench."""

_LOCATION = re.compile(r"scenes:split=test,n=(\d+),seed=(\d+)")


def _stream(purpose: str, seed: int) -> int:
    """The seed of a stream of test scenes: other purposes and other seeds give other scenes."""
    return int.from_bytes(hashlib.sha256(f"scenes/{purpose}/{seed}".encode()).digest()[:8], "big")


def _check(n: int, seed: int) -> None:
    if not 1 <= n <= MAX_PROMPTS:
        raise InputError(f"the scenes bench has 1 to {MAX_PROMPTS} prompts, not {n}")
    if seed < 0:
        raise InputError(f"a seed is not negative, but {seed} was given")


def load(n: int = 300, seed: int = 0, samples_per_prompt: int = 1) -> Bench:
    """`n` different captions, each of a scene with a combination that no training ever sees.

    Categories are the kinds of scene: single, counting, pair, relation, text. `meta` is the scene as
    `scene_to_dict` gives it plus "layout_seed", with which `render` draws the true picture. A longer
    bench of the same seed begins with the shorter one. Raises InputError for numbers out of range.
    """
    _check(n, seed)
    if samples_per_prompt < 1:
        raise InputError(f"samples per prompt must be at least 1, not {samples_per_prompt}")
    stream, seen, prompts = _stream("bench", seed), set[str](), list[Prompt]()
    index = 0
    while len(prompts) < n:
        example = spec(stream, index, "test")
        index += 1
        text = example.captions[0]
        if text.lower().rstrip(".") in seen:
            continue
        seen.add(text.lower().rstrip("."))
        meta = {**scene_to_dict(example.scene), "layout_seed": example.layout_seed}
        prompts.append(Prompt(f"scenes-{len(prompts):04d}", text, example.scene.kind, meta))
    return Bench(
        name="scenes",
        version=WORLD_VERSION,
        prompts=tuple(prompts),
        samples_per_prompt=samples_per_prompt,
        reference=reference(max(n, LEAST_REFERENCE), seed),
        source=f"the built-in scenes world, held-out combinations, seed {seed}. {ATTRIBUTION}",
    )


def true_picture(prompt: Prompt, size: int) -> NDArray[np.uint8]:
    """The picture that a prompt of this bench asks for, (size, size, 3) uint8."""
    return render(scene_from_dict(prompt.meta), size, prompt.meta["layout_seed"])


def reference(n: int = LEAST_REFERENCE, seed: int = 0) -> Reference:
    """The reference of `n` real pictures of held-out scenes; `reference_pictures` draws them."""
    _check(n, seed)
    location = f"scenes:split=test,n={n},seed={seed}"
    return Reference("scenes", location, hashlib.sha256(f"{digest()}|{location}".encode()).hexdigest())


def parse_location(location: str) -> tuple[int, int]:
    """(n, seed) of a reference's location. Raises InputError if it is not one of this bench."""
    match = _LOCATION.fullmatch(location)
    if match is None:
        raise InputError(
            f"{location!r} is not a scenes reference; expected scenes:split=test,n=COUNT,seed=NUMBER"
        )
    n, seed = int(match[1]), int(match[2])
    _check(n, seed)
    return n, seed


def reference_pictures(n: int, size: int, seed: int = 0) -> Iterator[NDArray[np.uint8]]:
    """`n` pictures (size, size, 3) uint8 of held-out scenes, drawn from another stream than the bench's."""
    _check(n, seed)
    stream = _stream("reference", seed)
    return (draw(spec(stream, index, "test"), size) for index in range(n))
