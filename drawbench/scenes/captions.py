"""Scenes in English: several phrasings of each kind, none of which says more than the picture shows."""

from __future__ import annotations

import random
from collections.abc import Sequence

from drawbench.scenes.grammar import Scene, Thing
from drawbench.scenes.objects import DRAWINGS

NUMBER_WORDS = ("one", "two", "three", "four", "five")

_PREFIXES = ("a photo of ", "a drawing of ", "a picture of ")
_PREFIX_SHARE = 0.25
_CAPITAL_SHARE = 0.5
_STOP_SHARE = 0.5
_DIGIT_SHARE = 0.15

_BACKGROUND_PHRASES: dict[str, tuple[str, ...]] = {
    "grass": ("on the grass", "on grass", "sitting on the grass", "standing on the grass"),
    "street": ("on the street", "on a street", "on the road"),
    "sand": ("on the sand", "on a beach", "on the beach"),
    "sky": ("in the sky", "in front of the sky", "against the sky"),
    "snow": ("in the snow", "on the snow", "on snow"),
    "night": ("at night", "in the night", "under the night sky"),
    "table": ("on a table", "on the table", "sitting on a table"),
}
_RELATION_PHRASES: dict[str, tuple[str, ...]] = {
    "left of": ("to the left of", "on the left of", "left of", "on the left side of"),
    "right of": ("to the right of", "on the right of", "right of", "on the right side of"),
    "above": ("above", "over"),
    "below": ("below", "underneath", "under", "beneath"),
    "on top of": ("on top of", "on top of", "sitting on top of", "standing on top of"),
}
_SIGN_PHRASES = (
    'a sign that says "{}"',
    'a sign with the word "{}"',
    'a sign with "{}" written on it',
    'a sign that reads "{}"',
)
_WORD_ALONE_PHRASES = (
    *_SIGN_PHRASES,
    'the word "{}"',
    'the word "{}" on a sign',
    'the word "{}" written on a sign',
)


def _pick(rng: random.Random, options: Sequence[str]) -> str:
    return options[int(rng.random() * len(options))]


def with_article(phrase: str) -> str:
    """`phrase` with "a" or "an" before it, chosen by its first letter."""
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def _described(noun: str, colour: str | None, rng: random.Random) -> str:
    """The noun with its colour word, before it: "red car" or "red colored car"."""
    if colour is None:
        return noun
    draw = rng.random()
    if draw < 0.72:
        return f"{colour} {noun}"
    return f"{colour} {'coloured' if draw > 0.95 else 'colored'} {noun}"


def thing_phrase(thing: Thing, rng: random.Random, numbered: bool = False) -> str:
    """A noun phrase such as "an orange car" or "three red buses".

    `numbered` says that counts are the point of the sentence: then one thing is often "one car".
    """
    if thing.count == 1:
        described = _described(thing.object, thing.colour, rng)
        return f"one {described}" if numbered and rng.random() < 0.6 else with_article(described)
    number = str(thing.count) if rng.random() < _DIGIT_SHARE else NUMBER_WORDS[thing.count - 1]
    return f"{number} {_described(DRAWINGS[thing.object].plural, thing.colour, rng)}"


def _core(scene: Scene, rng: random.Random) -> str:
    if scene.word is not None:
        if not scene.things:
            return _pick(rng, _WORD_ALONE_PHRASES).format(scene.word)
        sign = _pick(rng, _SIGN_PHRASES).format(scene.word)
        return f"{thing_phrase(scene.things[0], rng)} {_pick(rng, ('and', 'under', 'below'))} {sign}"
    if scene.relation is not None:
        first, second = (thing_phrase(t, rng) for t in scene.things)
        return f"{first} {_pick(rng, _RELATION_PHRASES[scene.relation])} {second}"
    if len(scene.things) == 2:
        numbered = any(t.count > 1 for t in scene.things)
        first, second = (thing_phrase(t, rng, numbered) for t in scene.things)
        return f"{first} and {second}"
    numbered = scene.things[0].count > 1 or rng.random() < 0.15
    return thing_phrase(scene.things[0], rng, numbered)


def caption(scene: Scene, seed: int) -> str:
    """One English caption of the scene; the seed chooses among its phrasings. A pure function.

    The caption names every object, colour, count, relation, background and word of the scene, and
    nothing that is not in it. A word on a sign keeps its capitals.
    """
    rng = random.Random(seed)
    core = _core(scene, rng)
    if scene.background is not None:
        place = _pick(rng, _BACKGROUND_PHRASES[scene.background])
        # "a cat on top of a dog on the table" would leave open what is on the table.
        comma = "," if scene.relation is not None or scene.word is not None else ""
        core = f"{core}{comma} {place}"
    if rng.random() < _PREFIX_SHARE:
        core = _pick(rng, _PREFIXES) + core
    if rng.random() < _CAPITAL_SHARE:
        core = core[0].upper() + core[1:]
    return core + "." if rng.random() < _STOP_SHARE else core
