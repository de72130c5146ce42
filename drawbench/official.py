"""Telling official prompt lists from altered ones by hashes, without holding their texts.

A list is normalised to its [text, category] pairs in order: the category stripped, the text as it is,
written as JSON with no spaces in UTF-8. The sha256 of that is the list's digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from drawbench.prompt_files import Row, quoted

DRAWBENCH_FILE_SHA256 = "2b8d75dddd7cff66b8a28201f87edf306ccd9aa2730b4d629b847f820cebfbca"
"""sha256 of the official DrawBench file, byte for byte (CSV with the header Prompts,Category)."""
DRAWBENCH_LIST_SHA256 = "352fb0780688e9053a38507d9c23e8a1bfe81a81808f4cef82b21561addf6599"
"""sha256 of the normalised official DrawBench list."""
KNOWN_VARIANT = (154, 168)
"""Numbers (from 1) of the prompts in which a widely copied variant differs from the official list."""
_MOST_DIFFERENCES = 20
_SHOWN_DIFFERENCES = 10


def list_digest(pairs: Sequence[tuple[str, str]]) -> str:
    """sha256 of a normalised list of (text, category) pairs; hexadecimal."""
    content = [[text, category.strip()] for text, category in pairs]
    return hashlib.sha256(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


def text_prefix(text: str) -> str:
    """The first 16 hexadecimal digits of the sha256 of a prompt's text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a list of prompts compares with official DrawBench.

    `kind` is "official" (the same 200 pairs), "variant" (200 prompts, at most 20 of them different) or
    "custom" (anything else). `rows` are the rows to use: in official order, and with the official
    categories where the list had none at all. `differences` are the numbers (from 1) of the official
    prompts that a variant replaces. `remark` says in words what is different or was mended; "" if nothing.
    """

    kind: str
    rows: tuple[Row, ...]
    differences: tuple[int, ...] = ()
    remark: str = ""


def compare_with_drawbench(rows: Sequence[Row]) -> Verdict:
    """Whether rows are official DrawBench, a variant of it or something else, and where they differ."""
    prefixes, categories = _drawbench_prompts()
    number_of = {prefix: number for number, prefix in enumerate(prefixes, start=1)}
    numbers = [number_of.get(text_prefix(row.text)) for row in rows]
    known = {number for number in numbers if number is not None}
    if len(rows) != len(prefixes) or len(known) < len(prefixes) - _MOST_DIFFERENCES:
        remark = f"{len(known)} of its {len(rows)} prompts are among the official {len(prefixes)}"
        return Verdict("custom", tuple(rows), (), remark)
    given = tuple(rows)
    remarks = []
    if len(known) == len(prefixes) and numbers != sorted(known):
        placed = dict(zip(numbers, rows, strict=True))
        rows = [placed[number] for number in sorted(known)]
        remarks.append("put into the official order")
    if not any(row.category for row in rows):
        rows = [replace(row, category=name) for row, name in zip(rows, categories, strict=True)]
        remarks.append("given the official categories, as it had none")
    if list_digest([(row.text, row.category) for row in rows]) == DRAWBENCH_LIST_SHA256:
        return Verdict("official", tuple(rows), (), " and ".join(remarks))
    differing = {
        number: row.text if text_prefix(row.text) != prefix else f"category {row.category}"
        for number, (row, prefix, name) in enumerate(zip(rows, prefixes, categories, strict=True), start=1)
        if text_prefix(row.text) != prefix or row.category != name
    }
    if len(differing) > _MOST_DIFFERENCES:
        remark = f"{len(known)} of its {len(rows)} prompts are official, but order or categories differ"
        return Verdict("custom", given, (), remark)
    return Verdict("variant", tuple(rows), tuple(differing), _describe(differing))


def _describe(differing: dict[int, str]) -> str:
    shown = [f"#{number} is {quoted(text)}" for number, text in list(differing.items())[:_SHOWN_DIFFERENCES]]
    if len(differing) > len(shown):
        shown.append(f"and {len(differing) - len(shown)} more")
    known = " (the known variant)" if tuple(differing) == KNOWN_VARIANT else ""
    noun = "prompt differs" if len(differing) == 1 else "prompts differ"
    return f"{len(differing)} {noun} from the official list{known}: {', '.join(shown)}"


@cache
def _drawbench_prompts() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Text prefixes and categories of the official prompts, by position."""
    data = json.loads(files("drawbench").joinpath("data/drawbench_official.json").read_text("utf-8"))
    categories = [name for name, count in data["categories"] for _ in range(count)]
    return tuple(data["text_sha256_prefixes"]), tuple(categories)
