"""coco: from a folder in COCO's format and from a data set, both made on the spot."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from drawbench.benches.coco import draw
from drawbench.coco_captions import Caption
from drawbench.errors import InputError
from drawbench.options import BenchOptions
from drawbench.registry import load_bench

pytestmark = pytest.mark.usefixtures("bare_user")
PICTURES = 4
CAPTIONS_EACH = 3


def content() -> dict[str, Any]:
    return {
        "images": [{"id": i, "file_name": f"COCO_val2014_{i:012d}.jpg"} for i in range(PICTURES)],
        "annotations": [
            {"id": 100 + 10 * i + k, "image_id": i, "caption": f" A shed {i} \nseen {k} times. "}
            for i in range(PICTURES)
            for k in range(CAPTIONS_EACH)
        ],
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "coco"
    (root / "annotations").mkdir(parents=True)
    (root / "val2014").mkdir()
    (root / "annotations" / "captions_val2014.json").write_text(json.dumps(content()))
    for image in content()["images"]:
        Image.new("RGB", (8, 8), (40 * image["id"], 0, 0)).save(root / "val2014" / image["file_name"])
    return root


def test_folder(folder: Path) -> None:
    bench = load_bench("coco:n=5", BenchOptions(data_dir=folder, seed=7))
    assert len(bench.prompts) == 5
    assert bench.version.startswith("5 of 12 captions, seed 7, captions ")
    first = bench.prompts[0]
    image_id = first.meta["image_id"]
    number = int(first.id.removeprefix("coco-"))
    assert number // 10 - 10 == image_id
    assert first.text == f"A shed {image_id} seen {number % 10} times."
    assert first.meta["file_name"] == f"COCO_val2014_{image_id:012d}.jpg"
    assert bench.reference is not None
    assert (bench.reference.kind, bench.reference.location) == (
        "folder",
        f"folder:{folder / 'val2014'},size=256,crop=center,resize=bicubic",
    )


def test_draw_is_without_replacement_seeded_and_nested(folder: Path) -> None:
    def ids(spec: str, seed: int = 0) -> list[str]:
        return [p.id for p in load_bench(spec, BenchOptions(data_dir=folder, seed=seed)).prompts]

    everything = ids("coco:n=12")
    assert len(set(everything)) == 12
    assert ids("coco:n=5") == everything[:5]
    assert ids("coco:n=12", seed=1) != everything
    assert ids("coco:n=12,seed=1") == ids("coco:n=12", seed=1)
    assert everything != sorted(everything)


def test_the_draw_is_pinned() -> None:
    captions = [Caption(i, i, "", "x") for i in range(10)]
    assert [c.id for c in draw(captions, 0)] == [6, 8, 7, 0, 4, 2, 9, 1, 5, 3]


def test_one_per_image_is_another_protocol(folder: Path) -> None:
    options = BenchOptions(data_dir=folder)
    bench = load_bench("coco:one-per-image,n=4", options)
    assert sorted(p.meta["image_id"] for p in bench.prompts) == [0, 1, 2, 3]
    assert bench.version.startswith("4 of 4 captioned pictures")
    assert bench.digest != load_bench("coco:n=4", options).digest


def test_fewer_captions_than_wanted(folder: Path) -> None:
    with pytest.raises(InputError, match="has 12 captions, and 30000 are to be drawn; write coco:n=12"):
        load_bench("coco", BenchOptions(data_dir=folder))
    with pytest.raises(InputError, match="4 captioned pictures, and 5"):
        load_bench("coco:one-per-image", BenchOptions(data_dir=folder, n=5))


def test_the_reference_digest_follows_names_and_sizes(folder: Path) -> None:
    def digest() -> str:
        bench = load_bench(f"coco:n=2,{folder}")
        assert bench.reference is not None
        return bench.reference.digest

    before = digest()
    assert digest() == before
    (folder / "val2014" / "notes.txt").write_text("no picture")
    assert digest() == before
    Image.new("RGB", (9, 9)).save(folder / "val2014" / "more.png")
    assert digest() != before


def test_where_the_folder_may_be_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"needs a folder with annotations.*DRAWBENCH_COCO"):
        load_bench("coco")
    by_option = load_bench("coco:n=3", BenchOptions(data_dir=folder))
    assert load_bench(f"coco:{folder},n=3").digest == by_option.digest
    monkeypatch.setenv("DRAWBENCH_COCO", str(folder))
    assert load_bench("coco:n=3").digest == by_option.digest
    with pytest.raises(InputError, match="not both"):
        load_bench(f"coco:{folder}", BenchOptions(data_dir=folder))


def test_missing_files_and_pictures(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        load_bench("coco", BenchOptions(data_dir=tmp_path / "none"))
    (folder / "val2014" / "COCO_val2014_000000000002.jpg").unlink()
    with pytest.raises(InputError, match=r"1 of 4 pictures of the drawn captions are missing.*0002\.jpg"):
        load_bench("coco:n=12", BenchOptions(data_dir=folder))
    (folder / "annotations" / "captions_val2014.json").unlink()
    with pytest.raises(InputError, match=r"captions_val2014\.json: no such file"):
        load_bench("coco", BenchOptions(data_dir=folder))
    for path in (folder / "val2014").iterdir():
        path.unlink()
    (folder / "val2014").rmdir()
    with pytest.raises(InputError, match="val2014: no such folder"):
        load_bench("coco", BenchOptions(data_dir=folder))


@pytest.mark.parametrize(
    "annotations",
    [
        "{",
        "[]",
        "3",
        '{"images": [], "annotations": []}',
        '{"images": [], "annotations": [{"id": 1, "image_id": 2, "caption": "a"}]}',
        '{"images": [{"id": 2, "file_name": "../a.jpg"}], "annotations": []}',
        '{"images": [{"id": 2, "file_name": "a"}], "annotations": [{"id": 1, "image_id": 2, "caption": 3}]}',
        '{"images": [{"id": 2, "file_name": ""}], "annotations": [{"id": [], "image_id": 2, "caption": ""}]}',
    ],
)
def test_malformed_annotations(folder: Path, annotations: str) -> None:
    (folder / "annotations" / "captions_val2014.json").write_text(annotations)
    with pytest.raises(InputError, match=r"captions_val2014\.json|the id"):
        load_bench("coco:n=1", BenchOptions(data_dir=folder))


@pytest.mark.parametrize("argument", ["n=0", "n=x", "seed=-1", "n=2,n", "hf:"])
def test_malformed_arguments(folder: Path, argument: str) -> None:
    with pytest.raises(InputError):
        load_bench(f"coco:{argument}")


def png(colour: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (colour, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def test_saved_data_set_with_pictures(tmp_path: Path, bare_user: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = {
        "image": [{"bytes": png(i), "path": None} for i in range(3)],
        "image_id": [7, 8, 9],
        "captions": [["A shed.", "One  shed."], ["A barn."], ["A hut.", "Huts."]],
    }
    kinds = datasets.Features(
        image=datasets.Image(),
        image_id=datasets.Value("int64"),
        captions=datasets.List(datasets.Value("string")),
    )
    saved = tmp_path / "saved"
    datasets.Dataset.from_dict(rows, features=kinds).save_to_disk(str(saved))
    bench = load_bench("coco:n=5", BenchOptions(data_dir=saved))
    assert {p.id: p.text for p in bench.prompts} == {
        "coco-7-0": "A shed.",
        "coco-7-1": "One shed.",
        "coco-8-0": "A barn.",
        "coco-9-0": "A hut.",
        "coco-9-1": "Huts.",
    }
    assert bench.reference is not None
    pictures = Path(bench.reference.location.removeprefix("folder:").partition(",")[0])
    assert bare_user in pictures.parents
    assert {path.name: path.read_bytes() for path in pictures.iterdir()} == {
        f"{7 + i}.png": png(i) for i in range(3)
    }
    assert bench.prompts[0].meta["file_name"] == f"{bench.prompts[0].meta['image_id']}.png"
    assert load_bench(f"coco:hf:{saved},n=5").digest == bench.digest


def test_saved_data_set_without_pictures_or_captions(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    datasets.Dataset.from_dict({"caption": ["A shed.", "A barn."]}).save_to_disk(str(tmp_path / "texts"))
    bench = load_bench("coco:n=2", BenchOptions(data_dir=tmp_path / "texts"))
    assert bench.reference is None
    assert "has no pictures" in bench.notices[0]
    datasets.Dataset.from_dict({"x": ["A shed."]}).save_to_disk(str(tmp_path / "bad"))
    with pytest.raises(InputError, match=r"no column named captions.*found: x"):
        load_bench("coco:n=1", BenchOptions(data_dir=tmp_path / "bad"))


def test_hub_data_set_offline() -> None:
    with pytest.raises(InputError, match="data set someone/coco: HF_HUB_OFFLINE is set"):
        load_bench("coco:hf:someone/coco")
    with pytest.raises(InputError, match="offline was asked for"):
        load_bench("coco:hf:someone/coco", BenchOptions(offline=True))
