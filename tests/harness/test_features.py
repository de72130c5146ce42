"""Features on disk, and one pass over pictures."""

from __future__ import annotations

import hashlib
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from drawbench.errors import InputError
from harness.array_file import load_array, save_array
from harness.feature_cache import FeatureCache
from harness.features import BATCH, Item, image_features, text_features
from harness.picture_stream import GROUP, open_pictures
from harness.rows import LazyRows, chunks


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


class PreparedMeans(ChannelMeans):
    """The same in two steps. `most` is the largest number of prepared pictures that were alive at once."""

    def __init__(self, name: str = "means", identity: str = "channel-means") -> None:
        super().__init__(name, identity)
        self.alive = self.most = 0
        self.batches: list[int] = []
        self._lock = threading.Lock()

    def prepare(self, image: np.ndarray) -> np.ndarray:
        prepared = image.mean((0, 1))
        with self._lock:
            self.alive += 1
            self.most = max(self.most, self.alive)
        weakref.finalize(prepared, self._gone)
        return prepared

    def extract_prepared(self, batch: Sequence[np.ndarray]) -> np.ndarray:
        self.seen += len(batch)
        self.batches.append(len(batch))
        return np.array([list(means) for means in batch], np.float32)

    def _gone(self) -> None:
        with self._lock:
            self.alive -= 1


class Colours:
    """A real, small observer: the picture's size and its commonest colour; null for black ones."""

    name = "colours"

    def __init__(self, identity: str = "colours") -> None:
        self.identity = identity
        self.seen = 0

    def observe_images(self, images: Sequence[np.ndarray]) -> list[Any]:
        self.seen += len(images)
        return [
            {"size": image.shape[:2], "red": int(i)} if (i := image[0, 0, 0]) else None for image in images
        ]


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


def _picture(folder: Path, name: str, shade: int, green: int = 0) -> Item:
    path = folder / name
    Image.new("RGB", (8, 8), (shade, green, 0)).save(path)
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
    np.testing.assert_array_equal(np.asarray(forth), back[::-1])


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


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "gone"])
def test_a_damaged_cache_is_made_again(tmp_path: Path, items: list[Item], damage: str) -> None:
    extractor = ChannelMeans()
    image_features(items[:1], [extractor], root=tmp_path)
    (segment,) = (tmp_path / "features").rglob("*.records")
    data = bytearray(segment.read_bytes())
    if damage == "cut":
        segment.write_bytes(data[:-6])
    elif damage == "flip":
        data[-8] ^= 1
        segment.write_bytes(data)
    elif damage == "empty":
        segment.write_bytes(b"")
    else:
        segment.unlink()
    found = image_features(items[:1], [extractor], root=tmp_path)
    assert extractor.seen == 2
    assert np.asarray(found.features["means"]).tolist() == [[0, 0, 0]]
    image_features(items[:1], [extractor], root=tmp_path)
    assert extractor.seen == 2  # the entry was repaired


def test_rows_that_the_cache_lost_while_in_use_are_one_clear_line(tmp_path: Path, items: list[Item]) -> None:
    found = image_features(items, [ChannelMeans()], root=tmp_path)
    (segment,) = (tmp_path / "features").rglob("*.records")
    segment.unlink()
    with pytest.raises(InputError, match="changed while in use; run again"):
        np.asarray(found.features["means"])


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.permutations(range(40)),
    st.integers(1, 40),
    st.integers(1, 5),
    st.booleans(),
)
def test_neither_order_nor_sharding_nor_threads_change_a_byte(
    tmp_path_factory: pytest.TempPathFactory,
    items: list[Item],
    order: list[int],
    cut: int,
    workers: int,
    prepared: bool,
) -> None:
    root = tmp_path_factory.mktemp("cache")
    expected = np.array([[shade, 0, 0] for shade in range(40)], np.float32)
    extractor = PreparedMeans() if prepared else ChannelMeans()
    observer = Colours()
    for part in (order[:cut], order[cut:], order):
        chosen = [items[place] for place in part]
        found = image_features(chosen, [extractor], [observer], workers=workers, root=root)
        assert np.asarray(found.features["means"]).tobytes() == expected[part].tobytes()
        assert found.observations["colours"] == [
            {"size": [8, 8], "red": place} if place else None for place in part
        ]
    assert (extractor.seen, observer.seen) == (40, 40)


def test_the_pass_holds_a_bounded_number_of_pictures(tmp_path: Path, items: list[Item]) -> None:
    many = [*items, *(_picture(tmp_path, f"more-{n}.png", n % 256, n // 256 + 1) for n in range(260))]
    workers = 2
    extractor = PreparedMeans()
    found = image_features(many, [extractor], workers=workers, root=tmp_path / "cache")
    assert max(extractor.batches) == BATCH
    assert 0 < extractor.most <= BATCH + (workers + 2) * GROUP < len(many)
    rows = found.features["means"]
    assert isinstance(rows, LazyRows)  # nothing is kept: each part is read when it is asked for
    assert [part.shape for part in chunks(rows, 128)] == [(128, 3), (128, 3), (44, 3)]
    assert rows.take(np.array([299, 0]))[:, 1].tolist() == [2, 0]


def test_pictures_are_read_no_further_ahead_than_promised(items: list[Item]) -> None:
    class Counting:
        asked = 0

        def lacks(self, sha256: str) -> bool:
            self.asked += 1
            return False

        def prepare(self, image: np.ndarray) -> None:
            raise AssertionError("nothing was lacking")

    reader = Counting()
    pictures = open_pictures(items, [reader], 2)
    assert next(pictures).place == 0
    pictures.close()
    assert reader.asked <= 3 * GROUP < len(items)
    with pytest.raises(ValueError, match="workers"):
        next(open_pictures(items, [reader], 0))


def test_equal_files_are_looked_at_once(tmp_path: Path, items: list[Item]) -> None:
    extractor, observer = PreparedMeans(), Colours()
    found = image_features([*items[:3] * 30, items[0]], [extractor], [observer], root=tmp_path / "cache")
    assert (extractor.seen, observer.seen) == (3, 3)
    assert np.asarray(found.features["means"])[:, 0].tolist() == [0, 1, 2] * 30 + [0]
    assert len(found.observations["colours"]) == 91


def test_each_picture_is_decoded_once_for_all(
    tmp_path: Path, items: list[Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    import harness.picture_stream as stream

    decoded: list[int] = []
    decode = stream.decode_rgb
    monkeypatch.setattr(stream, "decode_rgb", lambda data: decoded.append(len(data)) or decode(data))
    looks = [ChannelMeans(), PreparedMeans("other", "other-means")], [Colours(), Colours("more")]
    image_features(items, *looks, root=tmp_path / "cache")
    assert len(decoded) == 40
    image_features(items, *looks, root=tmp_path / "cache")
    assert len(decoded) == 40


def test_an_extractors_own_fault_is_raised_and_stops_the_threads(tmp_path: Path, items: list[Item]) -> None:
    class Broken(PreparedMeans):
        def extract_prepared(self, batch: Sequence[np.ndarray]) -> np.ndarray:
            raise RuntimeError("out of memory")

    before = threading.active_count()
    with pytest.raises(RuntimeError, match="out of memory"):
        image_features(items, [Broken()], root=tmp_path / "cache")
    assert threading.active_count() == before


def test_values_that_are_not_finite_are_given_but_not_stored(tmp_path: Path, items: list[Item]) -> None:
    class Half(ChannelMeans):
        def extract_images(self, images: Sequence[np.ndarray]) -> np.ndarray:
            means = super().extract_images(images)
            return np.where(means == 3, np.nan, means).astype(np.float32)

    extractor = Half()
    for _ in range(2):
        found = np.asarray(image_features(items[:5], [extractor], root=tmp_path).features["means"])
        assert np.isnan(found[3, 0])
        assert np.isfinite(found[[0, 1, 2, 4]]).all()
    assert extractor.seen == 6


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
    found = image_features(items, [ChannelMeans()], [Colours()], root=blocked)
    assert np.asarray(found.features["means"])[:, 0].tolist() == list(range(40))
    assert found.observations["colours"][1:] == [{"size": [8, 8], "red": n} for n in range(1, 40)]
    assert not found.failed


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
