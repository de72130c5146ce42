"""Pairs of picture and text: asked once, kept on disk by picture, text and judge."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawbench.errors import InputError
from harness.features import Item
from harness.pair_scores import pair_scores


class Brightness:
    """A judge whose answer depends on both: the mean of the picture times the length of the text."""

    name = "brightness"

    def __init__(self, identity: str = "brightness-1", wrong: float | None = None) -> None:
        self.identity = identity
        self.wrong = wrong
        self.asked: list[str] = []

    def judge_pairs(self, images: Sequence[np.ndarray], texts: Sequence[str]) -> np.ndarray:
        self.asked += texts
        values = [
            float(image.mean()) * len(text) if self.wrong is None else self.wrong
            for image, text in zip(images, texts, strict=True)
        ]
        return np.array(values, np.float32)

    def is_truncated(self, text: str) -> bool:
        return False


@pytest.fixture
def items(tmp_path: Path) -> list[Item]:
    made = []
    for level in (10, 20, 30):
        path = tmp_path / f"{level}.png"
        Image.fromarray(np.full((4, 4, 3), level, np.uint8)).save(path)
        made.append(Item(path, hashlib.sha256(path.read_bytes()).hexdigest()))
    return made


def test_each_pair_is_asked_once_and_then_known(items: list[Item], tmp_path: Path) -> None:
    judge = Brightness()
    root = tmp_path / "cache"
    told: list[tuple[int, int]] = []
    texts = ["a", "bb", "ccc"]
    values = pair_scores(items, texts, judge, root=root, progress=lambda *step: told.append(step))
    assert values.tolist() == [10.0, 40.0, 90.0]
    assert told == [(1, 3), (2, 3), (3, 3)]
    again = Brightness()
    assert pair_scores(items[::-1], texts[::-1], again, root=root).tolist() == [90.0, 40.0, 10.0]
    assert again.asked == []
    assert pair_scores(items, ["bb"] * 3, again, root=root).tolist() == [20.0, 40.0, 60.0]
    assert again.asked == ["bb", "bb"]
    other = Brightness("brightness-2")
    pair_scores(items, texts, other, root=root)
    assert other.asked == texts


def test_the_same_pair_twice_is_one_question(items: list[Item], tmp_path: Path) -> None:
    judge = Brightness()
    pair_scores([items[0]] * 3, ["a"] * 3, judge, root=tmp_path / "cache")
    assert judge.asked == ["a"]
    assert pair_scores([], [], judge, root=tmp_path / "cache").shape == (0,)


def test_what_is_no_number_is_not_kept(items: list[Item], tmp_path: Path) -> None:
    root = tmp_path / "cache"
    assert np.isnan(pair_scores(items[:1], ["a"], Brightness(wrong=float("nan")), root=root)).all()
    assert pair_scores(items[:1], ["a"], Brightness(), root=root).tolist() == [10.0]


def test_pictures_that_are_known_are_not_read_and_others_must_be_there(
    items: list[Item], tmp_path: Path
) -> None:
    root = tmp_path / "cache"
    pair_scores(items, ["a"] * 3, Brightness(), root=root)
    items[0].path.unlink()
    items[1].path.write_bytes(b"changed")
    assert pair_scores(items, ["a"] * 3, Brightness(), root=root).tolist() == [10.0, 20.0, 30.0]
    for item, why in ((items[0], "cannot be read"), (items[1], "changed since it was made")):
        with pytest.raises(InputError, match=why):
            pair_scores([item], ["new"], Brightness(), root=root)
    with pytest.raises(ValueError, match="without its sha256"):
        pair_scores([Item(items[2].path)], ["a"], Brightness(), root=root)
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        pair_scores(items, ["a"], Brightness(), root=root)
