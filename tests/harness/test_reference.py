"""Reference pictures: folders and the scenes world."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawbench.benches import scenes
from drawbench.errors import InputError
from drawbench.options import BenchOptions
from drawbench.registry import load_bench
from drawbench.types import Reference
from harness.decode import decode_rgb
from harness.framing import Framing
from harness.reference import ReferenceSource, load_reference, reference_files


class Corners:
    """A real, small extractor: the first pixel. Counts what it was asked."""

    dim = 3

    def __init__(self, name: str = "corners") -> None:
        self.name = name
        self.identity = name
        self.seen = 0

    def extract_images(self, images: Sequence[np.ndarray]) -> np.ndarray:
        self.seen += len(images)
        return np.array([image[0, 0] for image in images], np.float32)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAWBENCH_CACHE", str(tmp_path / "cache"))


def _folder(root: Path, shades: Sequence[int], prefix: str = "") -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for shade in shades:
        Image.new("RGB", (4, 4), (shade, 0, 0)).save(root / f"{prefix}{shade:03d}.png")
    return root


def test_texts_that_name_a_reference() -> None:
    assert ReferenceSource.parse("scenes") == ReferenceSource("scenes", "scenes", 1000, 256, 0)
    assert ReferenceSource.parse("scenes:n=20,size=64,seed=3") == ReferenceSource(
        "scenes", "scenes", 20, 64, 3
    )
    assert ReferenceSource.parse("pictures/real") == ReferenceSource("folder", "pictures/real")
    bench = scenes.load(n=5, seed=2)
    assert bench.reference
    assert ReferenceSource.of(bench.reference) == ReferenceSource("scenes", "scenes", 1000, 256, 2)
    assert ReferenceSource.of(Reference("folder", "x")) == ReferenceSource("folder", "x")


def test_a_folder_can_come_with_a_frame(tmp_path: Path) -> None:
    framed = ReferenceSource("folder", "real", 50, 256, 3, "center", "lanczos")
    assert ReferenceSource.parse("folder:real,n=50,size=256,seed=3,crop=center,resize=lanczos") == framed
    assert framed.framing == Framing(256, "center", "lanczos")
    assert ReferenceSource.parse("folder:real,crop=center").framing.identity == "center"
    location = "folder:with, comma/val,size=256"
    assert ReferenceSource.of(Reference("folder", location)).location == "with, comma/val"
    odd = tmp_path / "odd,size=8"
    odd.mkdir()
    assert ReferenceSource.parse(f"folder:{odd}") == ReferenceSource("folder", str(odd))
    assert ReferenceSource.parse(f"folder:{odd},size=9").size == 9


def test_texts_that_name_statistics(tmp_path: Path) -> None:
    assert ReferenceSource.parse("a/coco.npz") == ReferenceSource("stats", "a/coco.npz")
    assert ReferenceSource.parse("stats:coco,n=30000,extractor=inception") == ReferenceSource(
        "stats", "coco", 30000, extractor="inception"
    )
    (tmp_path / "folder.npz").mkdir()
    assert ReferenceSource.parse(str(tmp_path / "folder.npz")).kind == "folder"


@pytest.mark.parametrize(
    "text", ["folder:real,sise=256", "folder:real,crop=left", "folder:", "folder:real,size=0",
             "folder:real,n=1", "stats:x.npz,size=256", "stats:,n=5", "folder:real,resize=nearest"]
)  # fmt: skip
def test_frames_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match=r"is not understood; give any of|is empty") as caught:
        ReferenceSource.parse(text)
    assert "\n" not in str(caught.value)


def test_each_picture_is_framed_before_it_is_looked_at(tmp_path: Path) -> None:
    folder = tmp_path / "coco"
    folder.mkdir()
    rng = np.random.default_rng(0)
    pictures = []
    for number, (height, width) in enumerate(((480, 640), (427, 640), (640, 479), (300, 300))):
        noise = Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
        picture = noise.convert("L") if number == 1 else noise
        picture.save(folder / f"COCO_val2014_{number:012d}.jpg", quality=90)
        side = min(height, width)
        left, top = (width - side) // 2, (height - side) // 2
        stored = Image.open(folder / f"COCO_val2014_{number:012d}.jpg").convert("RGB")
        square = stored.crop((left, top, left + side, top + side))
        pictures.append(np.asarray(square.resize((256, 256), Image.Resampling.BICUBIC)))
    source = ReferenceSource.parse(f"folder:{folder},size=256,crop=center")
    found, remarks = load_reference(source, [Corners()])
    np.testing.assert_array_equal(found.features["corners"], [picture[0, 0] for picture in pictures])
    assert found.identity.endswith("|center256-bicubic")
    assert remarks == ("reference pictures were converted: 1 from grey",)
    plain, _ = load_reference(ReferenceSource("folder", str(folder)), [Corners()])
    assert plain.identity + "|center256-bicubic" == found.identity
    assert np.abs(np.asarray(plain.features["corners"]) - found.features["corners"]).max() > 1


def test_the_coco_bench_compares_with_middles_of_256_pixels(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    (tmp_path / "val2014").mkdir()
    rng, images = np.random.default_rng(1), []
    for number, (height, width) in enumerate(((480, 640), (640, 427), (260, 260))):
        name = f"COCO_val2014_{number:012d}.jpg"
        noise = Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
        (noise.convert("L") if number == 1 else noise).save(tmp_path / "val2014" / name)
        images.append({"id": number, "file_name": name})
    captions = [{"id": 10 + i, "image_id": i, "caption": f"Photo {i}."} for i in range(3)]
    content = json.dumps({"images": images, "annotations": captions})
    (tmp_path / "annotations" / "captions_val2014.json").write_text(content)
    bench = load_bench("coco:n=3", BenchOptions(data_dir=tmp_path))
    assert bench.reference
    found, remarks = load_reference(ReferenceSource.of(bench.reference), [Corners()])
    frame = Framing(256, "center", "bicubic")
    stored = [decode_rgb(path.read_bytes()) for path in sorted((tmp_path / "val2014").iterdir())]
    np.testing.assert_array_equal(found.features["corners"], [frame.apply(image)[0, 0] for image in stored])
    assert found.identity.endswith("|center256-bicubic")
    assert remarks == ("reference pictures were converted: 1 from grey",)


@pytest.mark.parametrize(
    "text", ["scenes:n=0", "scenes:n=1", "scenes:n=-5", "scenes:sise=64", "scenes:n", "", " "]
)
def test_texts_that_name_none(text: str) -> None:
    with pytest.raises(InputError, match="reference"):
        ReferenceSource.parse(text)
    with pytest.raises(InputError, match="of kind 'zip'"):
        ReferenceSource.of(Reference("zip", "x.zip"))


def test_pictures_at_any_depth_in_one_order(tmp_path: Path) -> None:
    _folder(tmp_path / "real" / "b", [1, 2])
    _folder(tmp_path / "real" / "a", [3])
    _folder(tmp_path / "real" / ".hidden", [4])
    (tmp_path / "real" / "notes.txt").write_text("no picture")
    files = reference_files(ReferenceSource("folder", str(tmp_path / "real")))
    assert [str(p.relative_to(tmp_path / "real")) for p in files] == ["a/003.png", "b/001.png", "b/002.png"]


def test_a_number_of_pictures_is_drawn_with_the_seed(tmp_path: Path) -> None:
    folder = str(_folder(tmp_path / "real", range(30)))
    draws = [reference_files(ReferenceSource("folder", folder, n=8, seed=seed)) for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]
    assert len(set(draws[0])) == 8


def test_identity_is_the_pictures_not_their_names_or_place(tmp_path: Path) -> None:
    here, there = _folder(tmp_path / "here", [1, 2, 3]), _folder(tmp_path / "there", [1, 2, 3], "renamed")
    other = _folder(tmp_path / "other", [1, 2, 4])
    found = [load_reference(ReferenceSource("folder", str(f)), [Corners()])[0] for f in (here, there, other)]
    assert found[0].identity == found[1].identity != found[2].identity
    assert found[0].n == 3
    assert sorted(found[0].features["corners"][:, 0]) == [1, 2, 3]


def test_a_corrupt_picture_is_left_out_and_counted(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "real", [1, 2, 3])
    (folder / "000.png").write_bytes(b"rotten")
    found, remarks = load_reference(ReferenceSource("folder", str(folder)), [Corners()])
    assert found.n == 3
    assert remarks == (
        "1 of 4 reference pictures could not be read and are left out "
        "(first: 000.png, not a picture in a known format)",
    )


def test_folders_that_cannot_serve(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    rotten = _folder(tmp_path / "rotten", [1])
    (rotten / "0.png").write_bytes(b"")
    for folder, message in ((empty, "holds no pictures"), (tmp_path / "none", "is not a folder")):
        with pytest.raises(InputError, match=message):
            reference_files(ReferenceSource("folder", str(folder)))
    with pytest.raises(InputError, match="fewer than 2"):
        load_reference(ReferenceSource("folder", str(rotten)), [Corners()])


def test_scenes_are_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    source = ReferenceSource.parse("scenes:n=20,size=64,seed=1")
    extractor, told = Corners(), list[tuple[int, int]]()
    first, _ = load_reference(source, [extractor], progress=lambda *step: told.append(step))
    assert first.features["corners"].shape == (20, 3)
    assert first.identity.startswith("scenes-test:")
    assert first.identity.endswith("|64px|seed1")
    assert told == [(16, 20), (20, 20)]
    expected = [picture[0, 0] for picture in scenes.reference_pictures(20, 64, 1)]
    np.testing.assert_array_equal(first.features["corners"], expected)

    def refuse(n: int, size: int, seed: int = 0) -> Iterator[np.ndarray]:
        raise AssertionError("drawn again")

    monkeypatch.setattr(scenes, "reference_pictures", refuse)
    again, _ = load_reference(source, [extractor])
    np.testing.assert_array_equal(again.features["corners"], first.features["corners"])
    with pytest.raises(AssertionError, match="drawn again"):
        load_reference(source, [extractor, Corners("new")])
    with pytest.raises(AssertionError, match="drawn again"):
        load_reference(ReferenceSource.parse("scenes:n=20,size=64,seed=2"), [extractor])
