"""partiprompts, geneval and file:PATH."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from drawbench.benches import partiprompts
from drawbench.errors import InputError
from drawbench.options import BenchOptions
from drawbench.prompt_files import Row
from drawbench.registry import load_bench
from drawbench.sources import write_cache

pytestmark = pytest.mark.usefixtures("bare_user")


def test_partiprompts_original(shared_file: Callable[[str], Path]) -> None:
    options = BenchOptions(prompts=shared_file("PartiPrompts.tsv"), strict=True)
    bench = load_bench("partiprompts", options)
    assert len(bench.prompts) == 1632
    assert bench.version.startswith("original-")
    assert bench.notices == ()
    counts = Counter(p.category for p in bench.prompts)
    assert (len(counts), counts["Animals"], counts["Indoor Scenes"]) == (12, 314, 40)
    challenges = Counter(p.meta["challenge"] for p in bench.prompts)
    assert (len(challenges), challenges["Basic"], challenges["Quantity"]) == (11, 272, 90)
    assert bench.prompts[-1].id == "parti-1631"


def test_partiprompts_survive_the_cache(shared_file: Callable[[str], Path]) -> None:
    original = load_bench("partiprompts", BenchOptions(prompts=shared_file("PartiPrompts.tsv")))
    rows = [Row(i, p.text, p.category, None, p.meta) for i, p in enumerate(original.prompts, start=2)]
    write_cache(partiprompts.WANTED, rows)
    again = load_bench("partiprompts", BenchOptions(strict=True))
    assert again.source.startswith("cache ")
    assert again.digest == original.digest


def test_partiprompts_that_are_not_original_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "p.tsv"
    path.write_text('Prompt\tCategory\tChallenge\tNote\nA "quoted" shed\tSheds\tBasic\t\n')
    bench = load_bench("partiprompts", BenchOptions(prompts=path))
    assert bench.prompts[0].text == 'A "quoted" shed'
    assert bench.prompts[0].meta == {"challenge": "Basic", "note": ""}
    assert "not the original PartiPrompts list (1 prompts)" in bench.notices[0]
    with pytest.raises(InputError, match="not the original PartiPrompts"):
        load_bench("partiprompts", BenchOptions(prompts=path, strict=True))
    path.write_text("Prompt\tCategory\nA shed\tSheds\n")
    with pytest.raises(InputError, match="no column named Challenge"):
        load_bench("partiprompts", BenchOptions(prompts=path))
    with pytest.raises(
        InputError, match=r"could not be found .*DRAWBENCH_PARTIPROMPTS: not set.*HF_HUB_OFFLINE"
    ):
        load_bench("partiprompts")


def test_geneval_original(shared_file: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    path = shared_file("geneval_metadata.jsonl")
    monkeypatch.setenv("DRAWBENCH_GENEVAL", str(path))
    bench = load_bench("geneval", BenchOptions(strict=True))
    assert Counter(p.category for p in bench.prompts) == {
        "single_object": 80,
        "two_object": 99,
        "counting": 80,
        "colors": 94,
        "position": 100,
        "color_attr": 100,
    }
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [{"prompt": p.text, **p.meta} for p in bench.prompts] == lines
    assert len(bench.digest) == 64


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"prompt": "a", "include": [{"class": "bench", "count": 1}]}, "line 1: no tag"),
        ({"prompt": "a", "tag": "t"}, "include is not a list"),
        ({"prompt": "a", "tag": "t", "include": []}, "include is not a list"),
        ({"prompt": "a", "tag": "t", "include": [{"count": 1}]}, "without a class"),
        ({"prompt": "a", "tag": "t", "include": [{"class": "x", "count": 0}]}, "without a count"),
        ({"prompt": "a", "tag": "t", "include": [{"class": "x", "count": True}]}, "without a count"),
        (
            {"prompt": "a", "tag": "t", "include": [{"class": "x", "count": 1}], "exclude": ["x"]},
            "exclude has an entry without a class",
        ),
    ],
)
def test_geneval_lines_that_cannot_be_checked(tmp_path: Path, record: object, message: str) -> None:
    path = tmp_path / "g.jsonl"
    path.write_text(json.dumps(record))
    with pytest.raises(InputError, match=message):
        load_bench("geneval", BenchOptions(prompts=path))


def test_geneval_that_is_not_original_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "g.jsonl"
    path.write_text(
        '{"prompt": "a shed", "tag": "single_object", "include": [{"class": "shed", "count": 1}]}'
    )
    bench = load_bench("geneval", BenchOptions(prompts=path))
    assert (bench.prompts[0].id, bench.prompts[0].category) == ("geneval-000", "single_object")
    assert "not the original GenEval list" in bench.notices[0]
    with pytest.raises(InputError, match="not the original GenEval"):
        load_bench("geneval", BenchOptions(prompts=path, strict=True))
    with pytest.raises(InputError, match="GenEval could not be found"):
        load_bench("geneval")


def test_file_bench(tmp_path: Path) -> None:
    path = tmp_path / "my prompts.jsonl"
    path.write_text(
        '{"text": "A shed.", "category": "Sheds", "size": 3}\n{"text": "A barn.", "id": "barn"}\n'
    )
    bench = load_bench(f"file:{path}")
    assert bench.name == "file-my-prompts"
    assert [(p.id, p.text, p.category, dict(p.meta)) for p in bench.prompts] == [
        ("my-prompts-0000", "A shed.", "Sheds", {"size": 3}),
        ("barn", "A barn.", "", {}),
    ]
    path.write_text(
        '{"text": "A shed.", "category": "Sheds", "size": 4}\n{"text": "A barn.", "id": "barn"}\n'
    )
    assert load_bench(f"file:{path}").digest != bench.digest


def test_file_bench_reports_duplicates_and_missing_paths(tmp_path: Path) -> None:
    path = tmp_path / "p.txt"
    path.write_text("A shed.\n\nA barn.\nA shed.\n")
    with pytest.raises(InputError, match=r"p\.txt, line 4: the same prompt as in line 1"):
        load_bench(f"file:{path}")
    with pytest.raises(InputError, match="file needs a path"):
        load_bench("file")
    with pytest.raises(InputError, match="no such file"):
        load_bench(f"file:{tmp_path / 'none.txt'}")
