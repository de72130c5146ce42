"""Features on disk, and one pass over pictures."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from harness.array_file import load_array, save_array
from harness.features import FeatureCache, Item, image_features, text_features


class ChannelMeans:
    """A real, small extractor: the mean of each colour. Counts what it was asked."""

    dim = 3

    def __init__(self, name: str = "means", identity: str = "channel-means") -> None:
        self.name = name
        self.identity = identity
        self.seen = 0

    def extract_images(self, images: Sequence[np.ndarray]) -> np.ndarray:
        self.seen += len(images)
        return np.array([image.mean((0, 1)) for image in images], np.float32)


class Lengths:
    """A real, small text extractor: the number of characters and of spaces."""

    name = "lengths"
    text_identity = "lengths"
    text_dim = 2

    def __init__(self) -> None:
        self.seen: list[str] = []

    def extract_texts(self, texts: Sequence[str]) -> np.ndarray:
        self.seen += texts
        return np.array([[len(text), text.count(" ")] for text in texts], np.float32)

    def is_truncated(self, text: str) -> bool:
        return False


def _picture(folder: Path, name: str, shade: int) -> Item:
    path = folder / name
    Image.new("RGB", (8, 8), (shade, 0, 0)).save(path)
    return Item(path, hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.fixture
def items(tmp_path: Path) -> list[Item]:
    return [_picture(tmp_path, f"{shade}.png", shade) for shade in range(40)]


def test_second_pass_looks_at_nothing(tmp_path: Path, items: list[Item]) -> None:
    extractor = ChannelMeans()
    first = image_features(items, [extractor], root=tmp_path / "cache")
    again = image_features(items, [extractor], root=tmp_path / "cache")
    assert extractor.seen == len(items)
    np.testing.assert_array_equal(first.features["means"], again.features["means"])
    assert first.features["means"][:, 0].tolist() == list(range(40))
    assert again.kept == tuple(range(40))
    assert again.sha256 == tuple(item.sha256 for item in items)


def test_an_added_picture_or_extractor_costs_only_itself(tmp_path: Path, items: list[Item]) -> None:
    first, second = ChannelMeans(), ChannelMeans("other", "other-means")
    image_features(items[:30], [first], root=tmp_path / "cache")
    found = image_features(items, [first, second], root=tmp_path / "cache")
    assert (first.seen, second.seen) == (40, 40)
    np.testing.assert_array_equal(found.features["means"], found.features["other"])


def test_order_of_pictures_changes_nothing_but_the_order(tmp_path: Path, items: list[Item]) -> None:
    forth = image_features(items, [ChannelMeans()], root=tmp_path / "a").features["means"]
    back = image_features(items[::-1], [ChannelMeans()], root=tmp_path / "b").features["means"]
    np.testing.assert_array_equal(forth, back[::-1])


def test_bad_pictures_are_failures_with_reasons(tmp_path: Path, items: list[Item]) -> None:
    items[3].path.write_bytes(items[3].path.read_bytes()[:-30])
    items[5].path.unlink()
    torn = tmp_path / "torn.png"
    torn.write_bytes(b"\x89PNG\r\n\x1a\n")
    found = image_features([*items, Item(torn)], [ChannelMeans()], root=tmp_path / "cache")
    reasons = dict(found.failed)
    assert set(reasons) == {3, 5, 40}
    assert "sha256" in reasons[3]
    assert "cannot be read" in reasons[5]
    assert len(found.kept) == len(found.features["means"]) == 38
    assert 3 not in found.kept


def test_no_picture_gives_empty_features(tmp_path: Path) -> None:
    found = image_features([Item(tmp_path / "none.png")], [ChannelMeans()], root=tmp_path)
    assert found.features["means"].shape == (0, 3)
    assert found.failed == ((0, "cannot be read: No such file or directory"),)


def test_progress_counts_up_to_the_number_of_pictures(tmp_path: Path, items: list[Item]) -> None:
    told: list[tuple[int, int]] = []
    image_features(items, [ChannelMeans()], root=tmp_path, progress=lambda d, t: told.append((d, t)))
    assert told[-1] == (40, 40)
    assert told == sorted(told)


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "shape"])
def test_a_damaged_entry_is_made_again(tmp_path: Path, items: list[Item], damage: str) -> None:
    extractor = ChannelMeans()
    image_features(items[:1], [extractor], root=tmp_path)
    (entry,) = (tmp_path / "features").rglob("*.npy")
    data = bytearray(entry.read_bytes())
    if damage == "cut":
        entry.write_bytes(data[:-6])
    elif damage == "flip":
        data[-8] ^= 1
        entry.write_bytes(data)
    elif damage == "empty":
        entry.write_bytes(b"")
    else:
        save_array(entry, np.zeros(4, np.float32))
    found = image_features(items[:1], [extractor], root=tmp_path)
    assert extractor.seen == 2
    assert found.features["means"].tolist() == [[0, 0, 0]]
    image_features(items[:1], [extractor], root=tmp_path)
    assert extractor.seen == 2  # the entry was repaired


def test_device_and_identity_choose_the_folder(tmp_path: Path) -> None:
    folders = {
        FeatureCache("a", 3, "cpu", tmp_path).folder,
        FeatureCache("b", 3, "cpu", tmp_path).folder,
        FeatureCache("a", 3, "cuda:0", tmp_path).folder,
    }
    assert len(folders) == 3
    assert FeatureCache("a", 3, "cuda:1", tmp_path).folder in folders


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path, items: list[Item]) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    found = image_features(items, [ChannelMeans()], root=blocked)
    assert found.features["means"].shape == (40, 3)
    assert not found.failed


def test_no_part_files_stay(tmp_path: Path, items: list[Item]) -> None:
    image_features(items, [ChannelMeans()], root=tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob(".*"))
    (entry, *_) = (tmp_path / "cache").rglob("*.npy")
    assert np.load(entry).shape == (3,)  # other tools can read an entry
    assert stat.S_ISREG(entry.stat().st_mode)


def test_texts_are_embedded_once_each(tmp_path: Path) -> None:
    extractor = Lengths()
    vectors = text_features(["a b", "abc", "a b"], extractor, root=tmp_path)
    assert vectors.tolist() == [[3, 1], [3, 0], [3, 1]]
    assert extractor.seen == ["a b", "abc"]
    text_features(["abc", "new"], extractor, root=tmp_path)
    assert extractor.seen == ["a b", "abc", "new"]
    assert text_features([], extractor, root=tmp_path).shape == (0, 2)


@given(st.integers(0, 5), st.integers(0, 5), st.data())
def test_arrays_come_back_whole_or_not_at_all(
    tmp_path_factory: pytest.TempPathFactory, n: int, d: int, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("arrays") / "a.npy"
    array = np.arange(n * d, dtype=np.float32).reshape(n, d)
    save_array(path, array)
    back = load_array(path)
    assert back is not None
    np.testing.assert_array_equal(back, array)
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    assert load_array(path) is None
