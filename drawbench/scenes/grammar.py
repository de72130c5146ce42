"""What a scene is, how scenes are drawn at random, and which combinations are held out from training."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeVar, get_args

import numpy as np

from drawbench.errors import InputError
from drawbench.scenes.backgrounds import BACKGROUNDS
from drawbench.scenes.objects import COLOURS, DRAWINGS, OBJECTS, PAINTS

Split = Literal["train", "test"]
Kind = Literal["single", "counting", "pair", "relation", "text"]

RELATIONS: tuple[str, ...] = ("left of", "right of", "above", "below", "on top of")
WORDS: tuple[str, ...] = (
    *("GO", "HI", "NO", "OK", "UP", "ART", "HOT", "WOW", "YES", "ZOO"),
    *("CAFE", "HOME", "LOVE", "MENU", "OPEN", "PARK", "SALE", "HAPPY", "HELLO", "PEACE"),
)
MAX_COUNT = 5
MAX_PAIR_COUNT = 3

MIXTURE: tuple[tuple[Kind, float], ...] = (
    ("single", 0.30),
    ("counting", 0.25),
    ("pair", 0.10),
    ("relation", 0.30),
    ("text", 0.05),
)
COLOURED_SHARE = 0.75
BACKGROUND_SHARE = 0.60
THING_BESIDE_WORD_SHARE = 0.5
HELD_OUT_OF = 10
"""One combination in this many is held out."""

_AXES = {"left of": "beside", "right of": "beside", "above": "over", "below": "over", "on top of": "on"}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Thing:
    """`count` (1 to 5) equal objects; colour None leaves the drawing's own colours.

    Raises InputError for an unknown object or colour, or a count out of range.
    """

    object: str
    colour: str | None = None
    count: int = 1

    def __post_init__(self) -> None:
        if self.object not in DRAWINGS:
            raise InputError(f"unknown object {self.object!r}; known: {', '.join(OBJECTS)}")
        if self.colour is not None and self.colour not in PAINTS:
            raise InputError(f"unknown colour {self.colour!r}; known: {', '.join(COLOURS)}")
        if not 1 <= self.count <= MAX_COUNT:
            raise InputError(f"count must lie in 1..{MAX_COUNT}, not {self.count}")


@dataclass(frozen=True, slots=True)
class Scene:
    """One or two things, where they are, and perhaps a sign with a word.

    With `relation`, the first of two single things stands so to the second: "left of" means that the
    first is on the left. Two things without a relation stand side by side as groups of at most 3. A word
    goes with one single thing, or with none. Raises InputError for anything else.
    """

    things: tuple[Thing, ...]
    relation: str | None = None
    background: str | None = None
    word: str | None = None

    def __post_init__(self) -> None:
        if self.relation is not None:
            if self.relation not in RELATIONS:
                raise InputError(f"unknown relation {self.relation!r}; known: {', '.join(RELATIONS)}")
            if len(self.things) != 2 or any(t.count != 1 for t in self.things):
                raise InputError("a relation needs two single things")
        elif len(self.things) == 2 and any(t.count > MAX_PAIR_COUNT for t in self.things):
            raise InputError(f"two things side by side have counts of at most {MAX_PAIR_COUNT}")
        if self.background is not None and self.background not in BACKGROUNDS:
            raise InputError(f"unknown background {self.background!r}; known: {', '.join(BACKGROUNDS)}")
        if self.word is None:
            if len(self.things) not in (1, 2):
                raise InputError("a scene without a word has one or two things")
        else:
            if self.word not in WORDS:
                raise InputError(f"unknown word {self.word!r}; known: {', '.join(WORDS)}")
            if len(self.things) > 1 or any(t.count != 1 for t in self.things):
                raise InputError("a word goes with one single thing or none")

    @property
    def kind(self) -> Kind:
        """Which of the five kinds of the mixture this is."""
        if self.word is not None:
            return "text"
        if self.relation is not None:
            return "relation"
        if len(self.things) == 2:
            return "pair"
        return "counting" if self.things[0].count > 1 else "single"


def scene_to_dict(scene: Scene) -> dict[str, Any]:
    """Plain JSON values; `scene_from_dict` undoes it."""
    return {
        "things": [{"object": t.object, "colour": t.colour, "count": t.count} for t in scene.things],
        "relation": scene.relation,
        "background": scene.background,
        "word": scene.word,
    }


def scene_from_dict(values: Mapping[str, Any]) -> Scene:
    """The scene of `scene_to_dict`'s values; other keys are ignored. Raises InputError if malformed."""
    try:
        things = tuple(Thing(t["object"], t.get("colour"), int(t.get("count", 1))) for t in values["things"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"not a scene: {error!r}; expected the keys of scene_to_dict") from error
    return Scene(things, values.get("relation"), values.get("background"), values.get("word"))


@cache
def _in_held_out_bucket(combination: str) -> bool:
    digest = hashlib.sha256(f"scenes/held-out/1/{combination}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % HELD_OUT_OF == 0


def held_out_combinations(scene: Scene) -> tuple[str, ...]:
    """The scene's held-out combinations, such as "colour:banana:blue"; empty for a training scene.

    A combination is an object with a colour, an object with a count above 1, or two objects with a
    relation. For the last, order and direction do not matter: if "a cat left of a dog" is held out, so
    is "a dog right of a cat" and "a dog left of a cat".
    """
    found = [f"colour:{t.object}:{t.colour}" for t in scene.things if t.colour is not None]
    found += [f"count:{t.object}:{t.count}" for t in scene.things if t.count > 1]
    if scene.relation is not None:
        first, second = sorted(t.object for t in scene.things)
        found.append(f"relation:{_AXES[scene.relation]}:{first}:{second}")
    return tuple(c for c in found if _in_held_out_bucket(c))


def held_out(scene: Scene) -> bool:
    """True if the scene holds a combination that no training ever sees (about 1 in 10 of each kind)."""
    return bool(held_out_combinations(scene))


def _pick(rng: np.random.Generator, options: Sequence[T]) -> T:
    return options[int(rng.random() * len(options))]


def _draw_thing(rng: np.random.Generator, count: int = 1, other_than: str | None = None) -> Thing:
    name = _pick(rng, OBJECTS)
    while name == other_than:
        name = _pick(rng, OBJECTS)
    colour = _pick(rng, COLOURS) if rng.random() < COLOURED_SHARE else None
    return Thing(name, colour, count)


def _draw(rng: np.random.Generator, kind: Kind) -> Scene:
    background = _pick(rng, BACKGROUNDS) if rng.random() < BACKGROUND_SHARE else None
    if kind == "single":
        return Scene((_draw_thing(rng),), background=background)
    if kind == "counting":
        return Scene((_draw_thing(rng, 2 + int(rng.random() * (MAX_COUNT - 1))),), background=background)
    if kind == "text":
        beside = rng.random() < THING_BESIDE_WORD_SHARE
        return Scene((_draw_thing(rng),) if beside else (), background=background, word=_pick(rng, WORDS))
    if kind == "relation":
        first = _draw_thing(rng)
        return Scene((first, _draw_thing(rng, 1, first.object)), _pick(rng, RELATIONS), background)
    first = _draw_thing(rng, 1 + int(rng.random() * MAX_PAIR_COUNT))
    second = _draw_thing(rng, 1 + int(rng.random() * MAX_PAIR_COUNT), first.object)
    return Scene((first, second), background=background)


def mixture_of(shares: Mapping[str, float] | None) -> tuple[tuple[Kind, float], ...]:
    """Kinds and their shares, in MIXTURE's order; None is MIXTURE itself, a kind left out has none.

    Raises InputError for an unknown kind, a share below 0, or shares that do not add up to 1.
    """
    if shares is None:
        return MIXTURE
    kinds: tuple[Kind, ...] = get_args(Kind)
    unknown = [kind for kind in shares if kind not in kinds]
    if unknown:
        raise InputError(f"unknown kind of scene {unknown[0]!r}; known: {', '.join(kinds)}")
    for kind, share in shares.items():
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
            raise InputError(f"the share of {kind!r} must be a number in 0..1, not {share!r}")
    total = math.fsum(shares.values())
    if abs(total - 1) > 1e-6:
        raise InputError(f"the shares of the kinds must add up to 1, not {total:g}")
    return tuple((kind, float(shares[kind])) for kind in kinds if shares.get(kind))


def sample_scene(
    rng: np.random.Generator, split: Split = "train", mixture: Mapping[str, float] | None = None
) -> Scene:
    """A random scene of the split: its kind by `mixture`, then scenes of that kind until one fits.

    `mixture` maps kinds to shares, MIXTURE when None (see `mixture_of`). "train" never yields a held-out
    scene, "test" yields nothing else. Raises InputError for another split or a mixture that is none.
    """
    if split not in ("train", "test"):
        raise InputError(f"unknown split {split!r}; choose train or test")
    shares = mixture_of(mixture)
    place = rng.random()
    kind = shares[-1][0]
    for name, share in shares:
        if place < share:
            kind = name
            break
        place -= share
    while True:
        scene = _draw(rng, kind)
        if held_out(scene) == (split == "test"):
            return scene
