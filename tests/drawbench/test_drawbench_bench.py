"""The drawbench bench: official, variant, custom and fallback; every place in order."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from drawbench.benches import drawbench as bench_module
from drawbench.errors import InputError
from drawbench.official import DRAWBENCH_FILE_SHA256, DRAWBENCH_LIST_SHA256, list_digest
from drawbench.options import BenchOptions
from drawbench.prompt_files import Row
from drawbench.registry import load_bench
from drawbench.sources import write_cache
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
Pairs = list[tuple[str, str]]

pytestmark = pytest.mark.usefixtures("bare_user")


@pytest.fixture
def official_file(shared_file: Callable[[str], Path]) -> Path:
    return shared_file("drawbench.csv")


@pytest.fixture
def official(official_file: Path) -> Pairs:
    with official_file.open(newline="", encoding="utf-8") as file:
        return [(row["Prompts"], row["Category"]) for row in csv.DictReader(file)]


def write(path: Path, pairs: Pairs) -> Path:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([("Prompts", "Category"), *pairs])
    path.write_text(buffer.getvalue(), "utf-8")
    return path


def load(path: Path | None = None, **options: object) -> Bench:
    return load_bench("drawbench", BenchOptions(prompts=path, **options))  # type: ignore[arg-type]


def test_the_official_file_has_the_hashes_that_are_stored(official_file: Path, official: Pairs) -> None:
    assert hashlib.sha256(official_file.read_bytes()).hexdigest() == DRAWBENCH_FILE_SHA256
    assert list_digest(official) == DRAWBENCH_LIST_SHA256


def test_official_list(official_file: Path, official: Pairs) -> None:
    bench = load(official_file, strict=True)
    assert bench.name == "drawbench"
    assert bench.notices == ()
    assert [(p.id, p.text) for p in bench.prompts] == [
        (f"drawbench-{i:03d}", text) for i, (text, _) in enumerate(official)
    ]
    assert {c: sum(p.category == c for p in bench.prompts) for c in bench.categories} == COUNTS


def test_official_list_in_other_dress_is_the_same_bench(
    official_file: Path, official: Pairs, tmp_path: Path
) -> None:
    expected = load(official_file).digest
    assert any(category != category.strip() for _, category in official)  # the sheet's trailing space
    stripped = [(text, category.strip()) for text, category in official]
    assert load(write(tmp_path / "stripped.csv", stripped), strict=True).digest == expected
    turned = load(write(tmp_path / "turned.csv", official[::-1]), strict=True)
    assert turned.digest == expected
    assert "put into the official order" in turned.source
    lines = tmp_path / "lines.txt"
    lines.write_text("\n".join(text for text, _ in official), "utf-8")
    bare = load(lines, strict=True)
    assert bare.digest == expected
    assert "given the official categories" in bare.source


def test_the_known_variant_is_told_and_named(official_file: Path, official: Pairs, tmp_path: Path) -> None:
    altered = list(official)
    altered[153] = ("A squirrel riding a bus.", "Reddit")
    altered[167] = ("A shed full of clocks.", "Reddit")
    path = write(tmp_path / "variant.csv", altered)
    bench = load(path)
    assert bench.name == "drawbench-variant"
    assert bench.digest != load(official_file).digest
    [notice] = bench.notices
    assert "2 prompts differ from the official list (the known variant)" in notice
    assert "#154 is 'A squirrel riding a bus.', #168 is 'A shed full of clocks.'" in notice
    assert [p.id for p in bench.prompts] == [p.id for p in load(official_file).prompts]
    with pytest.raises(InputError, match=r"not the official DrawBench list: 2 prompts differ.*#154"):
        load(path, strict=True)


def test_another_variant_is_not_called_the_known_one(official: Pairs, tmp_path: Path) -> None:
    altered = list(official)
    altered[0] = (altered[0][0] + " ", altered[0][1])
    altered[40] = (altered[40][0], "Colors")
    [notice] = load(write(tmp_path / "x.csv", altered)).notices
    assert "2 prompts differ from the official list: #1 is" in notice
    assert "#41 is 'category Colors'" in notice
    assert "known variant" not in notice


def test_many_differences_are_cut_short(official: Pairs, tmp_path: Path) -> None:
    altered = [(f"Prompt {i}.", c) if i < 15 else (t, c) for i, (t, c) in enumerate(official)]
    [notice] = load(write(tmp_path / "x.csv", altered)).notices
    assert "15 prompts differ" in notice
    assert "#10 is 'Prompt 9.', and 5 more" in notice


def test_any_other_list_is_custom(official: Pairs, tmp_path: Path) -> None:
    part = load(write(tmp_path / "part.csv", official[:50]))
    assert part.name == "drawbench-custom"
    assert len(part.prompts) == 50
    assert part.prompts[0].id == "drawbench-custom-0000"
    assert "50 of its 50 prompts are among the official 200" in part.notices[0]
    own = write(tmp_path / "own.csv", [("A shed.", "Sheds")])
    assert "0 of its 1 prompts" in load(own).notices[0]
    assert load(own).digest != part.digest
    with pytest.raises(InputError, match="not the official DrawBench list"):
        load(own, strict=True)
    with pytest.raises(InputError, match="line 3: the same prompt as in line 2"):
        load(write(tmp_path / "twice.csv", [("A shed.", ""), ("A shed.", "")]))


def test_wrong_categories_throughout_are_custom_and_keep_what_was_given(
    official: Pairs, tmp_path: Path
) -> None:
    bench = load(write(tmp_path / "x.csv", [(text, "Everything") for text, _ in official]))
    assert bench.name == "drawbench-custom"
    assert bench.categories == ("Everything",)


def test_places_are_looked_at_in_order(
    official: Pairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_cache(bench_module.WANTED, [Row(1, text, category.strip()) for text, category in official])
    assert load().source.startswith("cache ")
    assert load(strict=True).name == "drawbench"
    variable = write(tmp_path / "variable.csv", [("From the variable.", "")])
    monkeypatch.setenv("DRAWBENCH_PROMPTS", str(variable))
    assert load().prompts[0].text == "From the variable."
    given = write(tmp_path / "given.csv", [("From the option.", "")])
    assert load(given).prompts[0].text == "From the option."


def test_a_file_that_the_user_names_is_never_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match=r"none\.csv: no such file"):
        load(tmp_path / "none.csv")
    monkeypatch.setenv("DRAWBENCH_PROMPTS", str(tmp_path / "none.csv"))
    with pytest.raises(InputError, match=r"DRAWBENCH_PROMPTS is set, but .*none\.csv: no such file"):
        load()


def test_fallback_says_so_and_lists_the_places() -> None:
    bench = load()
    plain = load_bench("drawbench-open")
    assert (bench.name, bench.digest) == ("drawbench-open", plain.digest)
    assert plain.notices == ()
    [notice] = bench.notices
    for part in ("this run uses drawbench-open", "not DrawBench scores", "--prompts: not given"):
        assert part in notice
    for part in ("DRAWBENCH_PROMPTS: not set", "cache $DRAWBENCH_CACHE/drawbench.csv: no such file"):
        assert part in notice
    assert "hub sayakpaul/drawbench: HF_HUB_OFFLINE is set" in notice
    assert "\n" not in notice
    with pytest.raises(
        InputError, match=r"official DrawBench prompts could not be found .*HF_HUB_OFFLINE is set"
    ):
        load(strict=True)


def test_a_damaged_cache_is_passed_over_and_named(bare_user: Path) -> None:
    bare_user.mkdir()
    (bare_user / "drawbench.csv").write_bytes(b"prompt\n\xff\n")
    bench = load()
    assert bench.name == "drawbench-open"
    assert "cache: $DRAWBENCH_CACHE/drawbench.csv: not UTF-8 at byte 7" in bench.notices[0]
    (bare_user / "drawbench.csv").write_text("prompt\nA shed.\n")
    assert "drawbench.csv: not DrawBench" in load().notices[0]


def test_a_hub_copy_is_verified_and_cached(
    official: Pairs, official_file: Path, tmp_path: Path, bare_user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    copy = tmp_path / "copy"
    columns = {"Prompts": [text for text, _ in official], "Category": [category for _, category in official]}
    datasets.DatasetDict({"train": datasets.Dataset.from_dict(columns)}).save_to_disk(str(copy))
    monkeypatch.setattr(bench_module, "WANTED", dataclasses.replace(bench_module.WANTED, hub_name=str(copy)))
    bench = load(strict=True)
    assert bench.source == f"hub {copy}"
    assert bench.digest == load(official_file).digest
    assert [path.name for path in bare_user.iterdir()] == ["drawbench.csv"]
    assert load(strict=True).source == "cache $DRAWBENCH_CACHE/drawbench.csv"


def test_a_hub_copy_of_something_else_is_not_used(
    tmp_path: Path, bare_user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    datasets.Dataset.from_dict({"prompt": ["A shed."]}).save_to_disk(str(tmp_path / "copy"))
    wanted = dataclasses.replace(bench_module.WANTED, hub_name=str(tmp_path / "copy"))
    monkeypatch.setattr(bench_module, "WANTED", wanted)
    bench = load()
    assert bench.name == "drawbench-open"
    assert "copy: not DrawBench" in bench.notices[0]
    assert not bare_user.exists()


def test_options_without_use_are_refused() -> None:
    with pytest.raises(InputError, match="drawbench has a fixed list of prompts; use --limit"):
        load(n=3)
    with pytest.raises(InputError, match="drawbench takes no argument"):
        load_bench("drawbench:x")
