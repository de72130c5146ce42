"""What raters are asked: the paper's questions, their choices, and what each choice is worth.

The wording is that of the Imagen paper (Saharia et al. 2022, section 4.3 and appendix C). Two things differ
from it and are stated in every study: realism offers "indifferent" unless the study is `strict` (the paper
makes raters pick one of two), and answers are kept by arm, so that sides can be drawn anew for each rater.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from drawbench.errors import InputError

Kind = Literal["realism", "alignment", "side_by_side"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

INDIFFERENT: Final = "indifferent"
SHOWN_OF_PAIR: Final = ("left", INDIFFERENT, "right")
"""Keys of a pair's choices as a rater sees them, in the order of the keyboard's 1, 2, 3."""

_ARM_ON_LEFT = {False: {"left": "a", "right": "b"}, True: {"left": "b", "right": "a"}}


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer. `key` is canonical ("a", "indifferent", "b" or "yes", "somewhat", "no").

    `value` is what the answer is worth: for pairs the share of a win that arm a gets (1, 0.5, 0), for
    alignment the paper's 100, 50, 0.
    """

    key: str
    label: str
    value: float


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its choices, in the order in which they stand on the page when nothing is swapped.

    `text` may hold "{caption}"; use `text_for` to fill it in.
    """

    name: str
    text: str
    choices: tuple[Choice, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """Canonical keys of the choices."""
        return tuple(choice.key for choice in self.choices)

    @property
    def is_pair(self) -> bool:
        """Whether two arms are compared, so that sides matter."""
        return "a" in self.keys

    def text_for(self, caption: str) -> str:
        """The question about one caption; braces in the caption stay as they are."""
        return self.text.replace("{caption}", caption)

    def value(self, key: str) -> float:
        """What the canonical answer `key` is worth. Raises InputError for a key that is none."""
        for choice in self.choices:
            if choice.key == key:
                return choice.value
        raise InputError(f"{key!r} is no answer to the question {self.name!r} ({', '.join(self.keys)})")

    def shown_keys(self) -> tuple[str, ...]:
        """Keys of the choices as shown: "left", "indifferent", "right" for a pair, else the canonical ones.

        The same whichever arm stands on the left, so they tell nothing about it.
        """
        if not self.is_pair:
            return self.keys
        return tuple(key for key in SHOWN_OF_PAIR if key != INDIFFERENT or INDIFFERENT in self.keys)

    def shown_labels(self) -> tuple[str, ...]:
        """Labels of `shown_keys`; A and B name the left and the right side, never an arm."""
        return tuple(choice.label for choice in self.choices)


REALISM: Final = Question(
    "realism",
    "Which image is more photorealistic (looks more real)?",
    (Choice("a", "Image A", 1.0), Choice(INDIFFERENT, "I am indifferent", 0.5), Choice("b", "Image B", 0.0)),
)
REALISM_STRICT: Final = Question(REALISM.name, REALISM.text, (REALISM.choices[0], REALISM.choices[2]))
ALIGNMENT: Final = Question(
    "alignment",
    "Does the caption accurately describe the above image?",
    (Choice("yes", "Yes", 100.0), Choice("somewhat", "Somewhat", 50.0), Choice("no", "No", 0.0)),
)
_PREFER_SET = (
    Choice("a", "I prefer set A", 1.0),
    Choice(INDIFFERENT, "I am indifferent", 0.5),
    Choice("b", "I prefer set B", 0.0),
)
QUALITY: Final = Question("quality", "Which set of images is of higher quality?", _PREFER_SET)
TEXT: Final = Question(
    "text", "Which set of images better represents the text caption: {caption}?", _PREFER_SET
)


def questions_of(kind: Kind, strict: bool = False) -> tuple[Question, ...]:
    """The questions of a study's kind, in the order they are asked.

    `strict` makes realism the paper's pick of one of two, without "indifferent". Raises InputError for an
    unknown kind, and for `strict` where the paper itself offers "indifferent" or there is no pair.
    """
    by_kind: Mapping[str, tuple[Question, ...]] = {
        "realism": (REALISM_STRICT if strict else REALISM,),
        "alignment": (ALIGNMENT,),
        "side_by_side": (QUALITY, TEXT),
    }
    if kind not in by_kind:
        raise InputError(f"{kind!r} is no kind of study; give one of {', '.join(KINDS)}")
    if strict and kind != "realism":
        raise InputError(f"strict is for studies of realism; {kind} always has its three answers")
    return by_kind[kind]


def canonical(choice_shown: str, swapped: bool) -> str:
    """The canonical key of an answer as shown. Not swapped, arm a stands left.

    >>> canonical("left", swapped=False), canonical("left", swapped=True), canonical("somewhat", False)
    ('a', 'b', 'somewhat')
    """
    return _ARM_ON_LEFT[swapped].get(choice_shown, choice_shown)


def shown(choice: str, swapped: bool) -> str:
    """The key under which a canonical answer was shown: the inverse of `canonical`."""
    for side, arm in _ARM_ON_LEFT[swapped].items():
        if arm == choice:
            return side
    return choice
