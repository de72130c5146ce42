"""drawbench-open: the counts of DrawBench, and nothing copied from it or from its neighbours."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from drawbench.errors import InputError
from drawbench.options import BenchOptions
from drawbench.registry import load_bench
from drawbench.types import Bench

COUNTS = {
    "Colors": 25,
    "Conflicting": 10,
    "Counting": 19,
    "DALL-E": 20,
    "Descriptions": 20,
    "Gary Marcus et al.": 10,
    "Misspellings": 10,
    "Positional": 20,
    "Rare Words": 7,
    "Reddit": 38,
    "Text": 21,
}


@pytest.fixture(scope="module")
def bench() -> Bench:
    return load_bench("drawbench-open")


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", text.lower())


def jaccard(one: str, other: str) -> float:
    a, b = set(words(one)), set(words(other))
    return len(a & b) / len(a | b)


def one_word_apart(one: str, other: str) -> bool:
    a, b = words(one), words(other)
    return len(a) == len(b) > 1 and sum(x != y for x, y in zip(a, b, strict=True)) <= 1


def test_counts_and_ids(bench: Bench) -> None:
    assert Counter(p.category for p in bench.prompts) == COUNTS
    assert [p.id for p in bench.prompts] == [f"open-{i:03d}" for i in range(200)]
    assert bench.categories == tuple(COUNTS)


def test_prompts_are_distinct_and_clean(bench: Bench) -> None:
    texts = [p.text for p in bench.prompts]
    assert len({" ".join(words(text)) for text in texts}) == 200
    for text in texts:
        assert text == " ".join(text.split())
        assert text.endswith(".")
        assert text.isprintable()


def test_what_a_category_asks_is_in_its_prompts(bench: Bench) -> None:
    of = {c: [p.text for p in bench.prompts if p.category == c] for c in bench.categories}
    colour = r"\b(red|orange|yellow|green|blue|purple|pink|brown|black|white)\b"
    assert all(re.search(colour, text) for text in of["Colors"])
    assert all(re.search(r"\b(One|Two|Three|Four|Five)\b", text) for text in of["Counting"])
    assert all(re.search(r"on top of|underneath|below|left of|right of", text) for text in of["Positional"])
    assert all(re.search(r"'[^']+'", text) for text in of["Text"])
    assert all(len(words(text)) == 1 for text in of["Rare Words"])
    assert all(len(words(text)) >= 12 for text in of["Descriptions"])


def test_nothing_is_copied_from_drawbench(bench: Bench, shared_file: Callable[[str], Path]) -> None:
    with shared_file("drawbench.csv").open(newline="", encoding="utf-8") as file:
        official = [row["Prompts"] for row in csv.DictReader(file)]
    close = [
        (p.text, other)
        for p in bench.prompts
        for other in official
        if words(p.text) == words(other) or jaccard(p.text, other) > 0.7 or one_word_apart(p.text, other)
    ]
    assert close == []


def test_nothing_is_copied_from_partiprompts_or_geneval(
    bench: Bench, shared_file: Callable[[str], Path]
) -> None:
    lines = shared_file("PartiPrompts.tsv").read_text("utf-8").splitlines()
    others = [line.split("\t")[0] for line in lines]
    lines = shared_file("geneval_metadata.jsonl").read_text("utf-8").splitlines()
    others += [json.loads(line)["prompt"].removeprefix("a photo of ") for line in lines]
    taken = {" ".join(words(other)) for other in others}
    assert [p.text for p in bench.prompts if " ".join(words(p.text)) in taken] == []
    long = [p.text for p in bench.prompts if len(words(p.text)) > 6]
    assert [(one, other) for one in long for other in others if jaccard(one, other) > 0.7] == []


@pytest.mark.parametrize(
    "options", [BenchOptions(n=5), BenchOptions(prompts=Path("x.csv")), BenchOptions(data_dir=Path())]
)
def test_options_without_use_are_refused(options: BenchOptions) -> None:
    with pytest.raises(InputError, match="bench drawbench-open"):
        load_bench("drawbench-open", options)
