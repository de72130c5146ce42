"""Every known bug of other codes that concerns a number has a test, or a place where it is dealt with.

The numbers are those of a survey of what users of evaluation suites ask for: 3A has 40 items from issues, 3B
the silent bugs a to l found by reading code. A test's name carries the items it is about: `test_3a_12_...`,
`test_3b_a_3a_25_...`.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
ITEMS = (*(f"3a_{number}" for number in range(1, 41)), *(f"3b_{letter}" for letter in "abcdefghijkl"))

# item -> (what it is about, file, test there)
ELSEWHERE = {
    "3a_7": (
        "the list of what must be said about a run is its manifest",
        "tests/harness/test_manifest.py",
        None,
    ),
    "3a_26": (
        "DrawBench without a seed: the seed follows from run, prompt and index",
        "tests/harness/test_seeds.py",
        "test_each_part_changes_the_seed",
    ),
    "3a_30": (
        "a score of other prompts than the bench's: runs of other digests are not comparable",
        "tests/harness/test_comparable.py",
        "test_another_bench_or_seed_is_refused_by_its_name",
    ),
    "3a_31": (
        "settings that nobody stated: what differs between two runs is listed",
        "tests/harness/test_comparable.py",
        "test_differing_fields_are_listed_one_by_one",
    ),
    "3a_36": (
        "resuming",
        "tests/harness/test_resume.py",
        None,
    ),
    "3a_37": (
        "seeds within a batch",
        "tests/harness/test_generate.py",
        "test_batch_size_changes_no_picture",
    ),
    "3a_38": (
        "scoring pictures of any model",
        "tests/harness/test_run_command.py",
        "test_pictures_that_exist_already",
    ),
}

NO_NUMBER = {
    "3a_4": "asks what a data set is; the identity of a reference says it (3a_2)",
    "3a_32": "a leaderboard's self-reported row; to check a claim is a command, not a metric",
    "3a_33": "what a package depends on",
    "3a_34": "installation",
    "3a_40": "a protocol of human rating",
}


def _tests(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


TESTED = {
    item
    for path in HERE.glob("test_*.py")
    for name in _tests(path)
    for item in re.findall(r"3[ab]_(?:\d+|[a-l])(?=_)", name)
}


@pytest.mark.parametrize("item", ITEMS)
def test_every_item_is_tested_or_dealt_with(item: str) -> None:
    places = (TESTED, ELSEWHERE, NO_NUMBER)
    assert sum(item in place for place in places) == 1


def test_no_test_is_of_an_unknown_item() -> None:
    assert TESTED | ELSEWHERE.keys() | NO_NUMBER.keys() <= set(ITEMS)


@pytest.mark.parametrize("item", ELSEWHERE)
def test_what_is_dealt_with_elsewhere_is_there(item: str) -> None:
    _, file, name = ELSEWHERE[item]
    tests = _tests(ROOT / file)
    assert name is None or name in tests
    assert any(test.startswith("test_") for test in tests)
