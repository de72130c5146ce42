"""Quotes in prompts, and finding them in readings: by hand, by hypothesis, and on the real prompts."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawbench.benches import drawbench_open
from harness.quoted_text import least_distance, look_for, quoted, words


def _data(name: str) -> Path:
    root = Path(__file__).parents[2]
    folder = Path(os.environ.get("DRAWBENCH_TEST_DATA") or root.parent / "shared" / "data")
    if not (folder / name).is_file():
        pytest.skip(f"no {name} in {folder}; set DRAWBENCH_TEST_DATA to a folder that has it")
    return folder / name


@pytest.mark.parametrize(
    ("prompt", "texts"),
    [
        ("A sign that says 'Hello World'.", ("Hello World",)),
        ('the word "WOMBAT" written', ("WOMBAT",)),
        ("a “curly” and a „low“ and «guillemets»", ("curly", "low", "guillemets")),
        ("the word ‘openai’ on it", ("openai",)),
        ("a sign \"Let's PAINT!\" and 'don't stop'", ("Let's PAINT!", "don't stop")),
        ("‘Let’s go’ on a wall", ("Let’s go",)),
        ("a kid's bedroom, the dogs' owner, a bird's eye view", ()),
        ("strsingsj' vibration ie stopped", ()),
        ('cups with "LOVE" and "PEACE" and "LOVE" again', ("LOVE", "PEACE")),
        ("\"a 'nested' quote\"", ("a 'nested' quote",)),
        ('a 5" screen and a 6" one', ()),
        ("'!?' and \"...\"", ()),
        ("nothing quoted", ()),
    ],
)
def test_what_is_quoted(prompt: str, texts: tuple[str, ...]) -> None:
    assert quoted(prompt) == texts


def test_in_drawbench_the_category_text_and_nothing_else_quotes() -> None:
    with _data("drawbench.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = {row["Prompts"]: quoted(row["Prompts"]) for row in rows}
    asked = [row["Prompts"] for row in rows if row["Category"].strip() == "Text"]
    assert len(asked) == 21
    assert {prompt for prompt, texts in found.items() if texts} == set(asked)
    seven = {
        "Hello World",
        "Diffusion",
        "Text to Image",
        "NeurIPS",
        "Deep Learning",
        "Google Brain Toronto",
        "Google Research Pizza Cafe",
    }
    assert {text for prompt in asked for text in found[prompt]} == seven
    assert all(len(found[prompt]) == 1 for prompt in asked)


def test_in_drawbench_open_the_category_text_quotes() -> None:
    prompts = drawbench_open.load().prompts
    quoting = {p.category for p in prompts if quoted(p.text)}
    assert quoting == {"Text"}
    assert all(quoted(p.text) for p in prompts if p.category == "Text")


def test_in_partiprompts_the_quotes_are_found() -> None:
    with _data("PartiPrompts.tsv").open(encoding="utf-8", newline="") as file:
        prompts = [row["Prompt"] for row in csv.DictReader(file, delimiter="\t")]
    marked = [p for p in prompts if any(mark in p for mark in '"“‘')]
    assert len(marked) == 22
    assert all(quoted(p) for p in marked)


@pytest.mark.parametrize(
    ("asked", "read", "exact"),
    [
        ("Hello World", ["HELLO", "WORLD"], True),
        ("Hello World", ["HelloWorld!"], True),
        ("Text to Image", ["Text to", "Image", "other"], True),
        ("hi", ["this"], False),
        ("hi", ["hi-fi"], True),
        ("Let's PAINT!", ["Lets paint"], True),
        ("NeurIPS", ["Neur1PS"], False),
        ("NeurIPS", ["NeurlPS"], True),
        ("Hello", ["HeIIo"], True),
        ("Hello", ["Helio"], False),
        ("Straße", ["STRASSE"], True),
        ("Diffusion", [], False),
        ("２０２４", ["2024"], True),
    ],
)
def test_what_counts_as_read(asked: str, read: list[str], exact: bool) -> None:
    found = look_for(asked, read)
    assert found.exact is exact
    assert (found.similarity == 1.0) is (exact or asked == "hi")


def test_similarity_is_one_less_edits_over_length() -> None:
    assert look_for("NeurIPS", ["a big Neur1PS sign"]).similarity == pytest.approx(6 / 7)
    assert look_for("Diffusion", ["Difusion"]).similarity == pytest.approx(8 / 9)
    assert look_for("abc", ["xyz"]).similarity == 0.0
    with pytest.raises(ValueError, match="no letter"):
        look_for("!!", ["!!"])


def _edit_distance(a: str, b: str) -> int:
    rows = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, rows[0] = rows[0], i
        for j, y in enumerate(b, 1):
            last, rows[j] = rows[j], min(rows[j] + 1, rows[j - 1] + 1, last + (x != y))
    return rows[-1]


@given(st.text("abc", min_size=1, max_size=5), st.text("abc", max_size=8))
def test_the_least_distance_is_that_of_the_best_part(pattern: str, text: str) -> None:
    parts = {text[i:j] for i in range(len(text) + 1) for j in range(i, len(text) + 1)}
    assert least_distance(pattern, text) == min(_edit_distance(pattern, part) for part in parts)


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_a_text_is_read_wherever_it_stands_alone(asked: str, before: str, after: str) -> None:
    if words(asked):
        found = look_for(asked, [before, asked, after])
        assert found.exact
        assert found.similarity == 1.0
