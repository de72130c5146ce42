"""The words that a prompt wants written, and how well they are found in what was read off a picture."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

# After a digit a double mark is inches.
_DOUBLE = re.compile(r"(?<!\d)[\"“”„«»](?P<text>[^\"“”„«»]+)[\"“”„«»]")
# A single quote is also an apostrophe: it opens only where no letter stands before it and something
# other than a space after it, and closes only where no letter follows.
_SINGLE = re.compile(r"(?<!\w)(?:['‘](?P<text>[^\s'‘’](?:(?:[^'‘]|(?<=\w)'(?=\w))*?[^\s'‘’])?)['’])(?!\w)")
# A capital I and a small l have one shape in most letters without serifs, so that no reader, and no person,
# tells them apart; other letters that look alike are told apart.
_ONE_SHAPE = {"I", "l"}


@dataclass(frozen=True, slots=True)
class Found:
    """How one asked text fares: whether it is there as it should be, and how like it the likest part is.

    `similarity` is 1 - edit distance / length of the asked text, of the part of the reading with the least
    distance, 0..1; both texts without spaces and marks.
    """

    asked: str
    exact: bool
    similarity: float


def quoted(prompt: str) -> tuple[str, ...]:
    """The texts that stand in quotation marks in the prompt, straight or curly, in order, without repeats.

    A text without any letter or digit counts as none.
    """
    spans = [(m.start(), m.end(), m["text"]) for m in _DOUBLE.finditer(prompt)]
    inside = [(start, end) for start, end, _ in spans]
    for match in _SINGLE.finditer(prompt):
        if not any(start < match.start() < end for start, end in inside):
            spans.append((match.start(), match.end(), match["text"]))
    texts = [text.strip() for _, _, text in sorted(spans)]
    return tuple(dict.fromkeys(text for text in texts if words(text)))


def words(text: str) -> list[str]:
    """The runs of letters and digits in compatible form (NFKC), as they are written, without apostrophes."""
    plain = unicodedata.normalize("NFKC", text).replace("ß", "ss")
    return re.findall(r"[^\W_]+", plain.replace("'", "").replace("’", ""))


def look_for(asked: str, read: Sequence[str]) -> Found:
    """How the asked text fares among the lines that were read, given in reading order.

    It is there where whole words in a row of the reading spell it, in letters that are `alike`: where words
    are parted makes no difference, as readers run them together, but "hi" is not in "this". Raises ValueError
    for a text without letters.
    """
    target = "".join(words(asked))
    if not target:
        raise ValueError("the asked text has no letter or digit")
    seen = [word for line in read for word in words(line)]
    whole = "".join(seen)
    edges = {0, *accumulate(map(len, seen))}
    starts = (start for start in edges if start + len(target) in edges)
    exact = any(all(map(alike, target, whole[start : start + len(target)])) for start in starts)
    return Found(asked, exact, 1.0 - least_distance(target, whole) / len(target))


def alike(a: str, b: str) -> bool:
    """Whether two letters count as the same: whatever their case, and capital I as small l."""
    return a == b or a.casefold() == b.casefold() or {a, b} == _ONE_SHAPE


def least_distance(pattern: str, text: str) -> int:
    """The least edit distance between `pattern` and any part of `text`, 0..len(pattern) (Sellers 1980).

    Letters that are `alike` cost nothing. The empty part counts, so a text in which nothing is alike gives
    the pattern's length.
    """
    row = [0] * (len(text) + 1)
    for i, letter in enumerate(pattern, start=1):
        above, row = row, [i] * (len(text) + 1)
        for j, other in enumerate(text, start=1):
            row[j] = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (not alike(letter, other)))
    return min(row)
