"""Sources: folders, shards and data sets made on the spot, with what real ones have wrong with them."""

import io
import json
import tarfile
from itertools import islice
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from PIL import Image

from imagen.training.pairs import Pair
from imagen.training.sources import open_pairs
from imagen.training.tally import Tally


def picture(shade: int, size: int = 24, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (size, size + 4), (shade, 0, 0)).save(buffer, kind)
    return buffer.getvalue()


def take(spec: str, arguments: dict[str, Any] | None = None) -> tuple[list[Pair], Tally]:
    tally = Tally()
    return list(open_pairs(spec, 16, 0, arguments or {}, tally)), tally


def said(pairs: list[Pair]) -> list[tuple[int, str]]:
    assert all(p.shape == (16, 16, 3) and p.dtype == np.uint8 for p, _ in pairs)
    return [(int(p[0, 0, 0]), text) for p, text in pairs]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two good pictures, a small one, one cut short, one without and one with an empty caption."""
    root = tmp_path / "data"
    (root / "deep").mkdir(parents=True)
    for name, content, text in (
        ("a.png", picture(10), "a first\n  thing "),
        ("deep/b.PNG", picture(20), "the second"),
        ("c.png", picture(30, size=8), "a small one"),
        ("d.png", picture(40)[:70], "cut short"),
        ("e.png", picture(50), None),
        ("f.png", picture(60), " \n"),
    ):
        (root / name).write_bytes(content)
        if text is not None:
            (root / name).with_suffix(".txt").write_text(text)
    (root / "notes.md").write_text("no picture")
    return root


def test_a_folder_with_captions_beside_its_pictures(folder: Path) -> None:
    pairs, tally = take(f"folder:{folder}")
    assert said(pairs) == [(10, "a first thing"), (30, "a small one"), (20, "the second")]
    assert tally.to_dict() == {"used": 3, "broken": 1, "without_caption": 2, "enlarged": 1}
    lines = "\n".join(tally.lines())
    for expected in ("1 pictures could not be read: d.png: ", "2 pictures have no caption: e.png; f.png"):
        assert expected in lines


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_a_folder_with_a_manifest(folder: Path, kind: str) -> None:
    rows: list[dict[str, Any]] = [
        {"file_name": "deep/b.PNG", "text": "from the manifest, quoted"},
        {"file_name": "gone.png", "text": "no such file"},
        {"file_name": "a.png", "text": "one"},
        {"file_name": "a.png", "text": "two"},
    ]
    if kind == "jsonl":
        rows = [*rows[:2], {"file_name": "a.png", "text": ["one", "two"]}]
        text = "\n".join(map(json.dumps, rows))
    else:
        text = "file_name,text\n" + "\n".join(f'{r["file_name"]},"{r["text"]}"' for r in rows)
    (folder / f"metadata.{kind}").write_text(text)
    pairs, tally = take(f"folder:{folder}")
    assert said(pairs) == [(20, "from the manifest, quoted"), (10, "one"), (10, "two")]
    assert (tally.broken_count, tally.captionless_count) == (1, 4)
    assert "gone.png: No such file" in tally.broken[0]


def test_a_manifests_caption_column_can_be_named(folder: Path) -> None:
    (folder / "metadata.jsonl").write_text('{"file_name": "a.png", "prompt": "hello"}')
    assert said(take(f"folder:{folder}", {"caption": "prompt"})[0]) == [(10, "hello")]
    with pytest.raises(ValueError, match=r"line 1: no 'text'; it has file_name, prompt"):
        take(f"folder:{folder}")


def shard(path: Path, files: list[tuple[str, bytes]]) -> None:
    with tarfile.open(path, "w") as tar:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    shard(
        tmp_path / "s-00.tar",
        [
            ("x/000.jpg", picture(10, kind="JPEG")),
            ("x/000.txt", b"a jpeg"),
            ("x/001.json", b'{"caption": "from json", "prompt": "by its key"}'),
            ("x/001.webp", picture(20, kind="WEBP")),
            ("x/002.png", picture(30)),
        ],
    )
    shard(tmp_path / "s-01.tar", [("003.png", b"broken"), ("003.txt", b"x"), ("004.txt", b"no picture")])
    shard(tmp_path / "s-02.tar", [("005.seg.png", picture(40)), ("005.png", picture(50)), ("005.txt", b"y")])
    return tmp_path


@pytest.mark.parametrize("pattern", ["s-{00..02}.tar", "s-*.tar"])
def test_webdataset_shards(shards: Path, pattern: str) -> None:
    pairs, tally = take(f"webdataset:{shards}/{pattern}")
    assert [text for _, text in said(pairs)] == ["a jpeg", "from json", "y"]
    assert said(pairs)[-1][0] == 50
    assert (tally.used, tally.broken_count, tally.captionless_count) == (3, 2, 1)
    assert "no picture among txt" in tally.lines()[0]


def test_a_missing_shard_and_one_that_breaks_off_are_counted(shards: Path) -> None:
    content = (shards / "s-00.tar").read_bytes()
    for length in (1000, 1700, 2560):  # inside a picture, inside a header, and between two files
        (shards / "s-03.tar").write_bytes(content[:length])
        pairs, tally = take(f"webdataset:{shards}/s-{{02..04}}.tar")
        assert said(pairs)[0] == (50, "y")
        assert "s-04.tar: the shard breaks off: [Errno 2]" in tally.broken[-1]
        assert any("s-03.tar: the shard breaks off" in line for line in tally.broken), length


def test_the_key_of_a_samples_json_can_be_named(shards: Path) -> None:
    pairs, _ = take(f"webdataset:{shards}/s-00.tar", {"caption": "prompt"})
    assert [text for _, text in pairs] == ["by its key"]


@pytest.fixture
def rows() -> datasets.Dataset:
    pictures = [picture(10), picture(20), b"broken", picture(40)]
    return datasets.Dataset.from_dict(
        {
            "image": [{"bytes": content, "path": None} for content in pictures],
            "text": ["one", ["two", "three"][0], "four", None],
        }
    ).cast_column("image", datasets.Image())


def test_a_saved_data_set_a_parquet_file_and_a_folder_of_it(tmp_path: Path, rows: datasets.Dataset) -> None:
    rows.save_to_disk(str(tmp_path / "saved"))
    (tmp_path / "pq").mkdir()
    rows.to_parquet(str(tmp_path / "pq" / "train.parquet"))
    datasets.DatasetDict({"train": rows}).save_to_disk(str(tmp_path / "dict"))
    for path in ("saved", "dict", "pq/train.parquet", "pq"):
        pairs, tally = take(f"datasets:{tmp_path / path}")
        assert said(pairs) == [(10, "one"), (20, "two")], path
        assert (tally.broken_count, tally.captionless_count) == (1, 1)


def test_a_data_sets_columns_can_be_named(tmp_path: Path, rows: datasets.Dataset) -> None:
    rows.rename_columns({"image": "jpg", "text": "prompt"}).save_to_disk(str(tmp_path / "saved"))
    pairs, _ = take(f"datasets:{tmp_path / 'saved'}", {"image": "jpg", "caption": "prompt"})
    assert len(pairs) == 2
    with pytest.raises(ValueError, match="has no column 'image'; it has: jpg, prompt"):
        take(f"datasets:{tmp_path / 'saved'}")


def test_a_function_gets_seed_size_and_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_pictures.py").write_text(
        "import numpy as np\n"
        "def sized(seed, size, shade=1):\n"
        "    while True:\n"
        "        yield np.full((size, size, 3), shade, np.uint8), f'seed {seed}'\n"
        "def plain(seed):\n"
        "    yield np.zeros((16, 16, 3), np.uint8), f'seed {seed}'\n"
        "    raise RuntimeError('the disk is gone')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    pairs = open_pairs("my_pictures:sized", 16, 7, {"shade": 9}, Tally())
    assert said(list(islice(pairs, 2))) == [(9, "seed 7")] * 2
    assert next(open_pairs("my_pictures:plain", 16, 0, {"seed": 3}, Tally()))[1] == "seed 3"
    with pytest.raises(ValueError, match="--data my_pictures:plain: the disk is gone"):
        take("my_pictures:plain")


def test_the_built_in_world_is_a_source() -> None:
    pairs = open_pairs("drawbench.scenes:training_pairs", 16, 0, {"mixture": {"text": 1.0}}, Tally())
    assert all(p.shape == (16, 16, 3) and text for p, text in islice(pairs, 3))


@pytest.mark.parametrize(
    ("spec", "arguments", "said"),
    [
        ("scenes", {}, "want MODULE:FUNCTION, folder:..., webdataset:..., datasets:..."),
        ("folder:{}/none", {}, "there is no such folder"),
        ("folder:{}", {}, "gives no picture with a caption: there is nothing in it"),
        ("folder:{}", {"column": "x"}, "--data folder has no argument 'column'; it has: caption"),
        ("webdataset:{}/*.tar", {}, "no such shards"),
        ("webdataset:{}/0.tar", {}, "gives no picture with a caption: 1 pictures could not be read"),
        ("datasets:{}/none", {}, "cannot be loaded"),
        ("no_such_module:f", {}, "No module named 'no_such_module'"),
        ("json:no_such_function", {}, "has no attribute 'no_such_function'"),
        ("drawbench.scenes:training_pairs", {"mixture": {"crowd": 1}}, "unknown kind of scene 'crowd'"),
        ("drawbench.scenes:training_pairs", {"shape": 1}, "unexpected keyword argument 'shape'"),
    ],
)
def test_what_is_no_source_is_one_clear_line(
    tmp_path: Path, spec: str, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said.replace("...", r"\.\.\.")) as refused:
        take(spec.format(tmp_path), arguments)
    assert "\n" not in str(refused.value)


def test_a_folder_where_nothing_has_a_caption_is_refused_with_the_count(folder: Path) -> None:
    for text in folder.rglob("*.txt"):
        text.unlink()
    with pytest.raises(ValueError, match=r"6 pictures have no caption: a\.png; c\.png; d\.png; \.\.\."):
        take(f"folder:{folder}")
