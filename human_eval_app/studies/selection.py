"""Which prompts and which samples a study shows: drawn by seed alone, never by looking at pictures."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence

from drawbench.errors import InputError
from drawbench.types import Prompt
from human_eval_app.studies.design import LeftOut

PEOPLE = frozenset(
    ("man", "men", "woman", "women", "person", "people", "child", "adult", "adults", "boy", "boys", "girl",
     "girls", "guy", "lady", "ladies", "someone", "toddler", "player", "workers", "spectators")
)  # fmt: skip
"""The words whose captions the paper's "no people" rows leave out (section 4.3)."""

_WORD = re.compile(r"[a-z]+")
_SMALL_WORDS = frozenset(
    ("a", "an", "the", "of", "in", "on", "at", "to", "and", "or", "with", "is", "are", "by", "for", "from",
     "as", "it", "its", "that", "this")
)  # fmt: skip


def common_prompts(by_model: Mapping[str, Sequence[Prompt]]) -> tuple[tuple[Prompt, ...], list[LeftOut]]:
    """Prompts that every model was asked, in the first model's order, and the others with the reason.

    Raises InputError where one id stands for two texts, or no prompt is common to all.
    """
    first, *others = by_model
    known = {name: {prompt.id: prompt for prompt in prompts} for name, prompts in by_model.items()}
    for other in others:
        for prompt_id, prompt in known[other].items():
            mine = known[first].get(prompt_id)
            if mine is not None and mine.text != prompt.text:
                raise InputError(
                    f"{first} and {other} answered different prompts: {prompt_id} is {_short(mine.text)} in "
                    f"one and {_short(prompt.text)} in the other; compare runs of one bench"
                )
    kept = tuple(p for p in by_model[first] if all(p.id in known[other] for other in others))
    if not kept:
        raise InputError(
            f"{first} and {', '.join(others)} have no prompt in common; compare runs of one bench"
        )
    ids = dict.fromkeys(prompt_id for prompts in known.values() for prompt_id in prompts)
    lacking = {
        prompt_id: [name for name, prompts in known.items() if prompt_id not in prompts] for prompt_id in ids
    }
    left_out = [LeftOut(i, f"not asked of {', '.join(names)}") for i, names in lacking.items() if names]
    return kept, left_out


def without_people(prompts: Iterable[Prompt]) -> tuple[tuple[Prompt, ...], list[LeftOut]]:
    """Prompts without a word of `PEOPLE`, and the others with the word."""
    kept: list[Prompt] = []
    left_out: list[LeftOut] = []
    for prompt in prompts:
        named = [word for word in _WORD.findall(prompt.text.lower()) if word in PEOPLE]
        if named:
            left_out.append(LeftOut(prompt.id, f"names people ({named[0]})"))
        else:
            kept.append(prompt)
    return tuple(kept), left_out


def draw_order(seed: int, prompts: Iterable[Prompt]) -> list[Prompt]:
    """The prompts in an order that depends on the seed and their ids alone.

    The first n are a uniform draw of n; a smaller draw is the beginning of a larger one.
    """
    return sorted(prompts, key=lambda prompt: _rank(seed, "prompt", prompt.id))


def draw_samples(seed: int, prompt_id: str, indices: Iterable[int], n: int) -> tuple[int, ...]:
    """`n` of the indices in random order; all where there are no more. Equal indices of two models come out
    together, so both sides show the same seeds where they have them.
    """
    ordered = sorted(indices, key=lambda index: _rank(seed, "sample", prompt_id, str(index)))
    return tuple(ordered[:n])


def most_unlike(prompt: Prompt, others: Iterable[Prompt], seed: int) -> Prompt | None:
    """The prompt, of another category where there is one, that shares the fewest words with `prompt`."""
    words = _content(prompt.text)
    candidates = [other for other in others if _content(other.text) and other.text != prompt.text]
    elsewhere = [other for other in candidates if other.category != prompt.category]
    return min(
        elsewhere or candidates,
        key=lambda other: (
            len(words & _content(other.text)) / len(words | _content(other.text)),
            _rank(seed, "unlike", prompt.id, other.id),
        ),
        default=None,
    )


def shuffled_by_id(seed: int, names: Sequence[str]) -> list[int]:
    """Places of the names in an order that the seed and the names alone decide."""
    return sorted(range(len(names)), key=lambda place: _rank(seed, "item", names[place]))


def _content(text: str) -> frozenset[str]:
    words = frozenset(_WORD.findall(text.lower())) - _SMALL_WORDS
    return frozenset(word.removesuffix("s") for word in words)


def _rank(seed: int, *parts: str) -> bytes:
    return hashlib.sha256("|".join((str(seed), *parts)).encode()).digest()


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
