from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from imagen.text import MiniLM
from imagen.training.pairs import Pair, PairStore, write_pairs

TwoColours = Callable[..., Iterator[Pair]]


def test_each_caption_is_encoded_once_and_padded_rows_are_masked(store: PairStore, minilm: MiniLM) -> None:
    assert sorted(store.captions) == ["a blue wall", "a red wall"]
    states, mask = store.batch_text(np.array([0, 1]), np.array([True, False]))
    assert mask.sum(1).tolist() == [1, 5]
    assert not states[0].any()
    expected = minilm.encode([store.captions[store.caption[1]]])[0].states
    assert torch.allclose(states[1], expected, atol=2e-2)


def test_data_without_a_number_is_taken_to_its_end_and_read_back(tmp_path: Path, minilm: MiniLM) -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (1234, 4, 4, 3)).astype(np.uint8)
    reports: list[tuple[str, int, int | None]] = []
    store = write_pairs(
        ((p, "x") for p in pictures),
        None,
        tmp_path / "p",
        minilm,
        lambda *r: reports.append(r),
        lambda: {"a": 1},
    )
    assert np.array_equal(store.pictures, pictures)
    assert (store.about["a"], store.about["pairs"], store.side) == (1, 1234, 4)
    assert ("pictures", 1000, None) in reports


def test_crops_are_cut_where_they_should(noise_store: PairStore) -> None:
    corners = np.array([[0, 4], [16, 16]])
    got = noise_store.batch_pictures(np.array([3, 7]), 16, corners)
    whole = noise_store.batch_pictures(np.array([3, 7]))
    assert torch.equal(got[0], whole[0, :, :16, 4:20])
    assert torch.equal(got[1], whole[1, :, 16:, 16:])


def test_unfinished_pairs_are_refused_and_leave_nothing(
    tmp_path: Path, minilm: MiniLM, two_colours: TwoColours
) -> None:
    with pytest.raises(ValueError, match="no finished training pairs"):
        PairStore.open(tmp_path)
    with pytest.raises(ValueError, match="ended after 3 pairs, 5 were asked for"):
        write_pairs(islice(two_colours(0), 3), 5, tmp_path / "pairs", minilm, lambda *_: None)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ((np.zeros((8, 8, 3), np.uint8), "x"), "number 1 is 8 px wide, those before it 16 px"),
        ((np.zeros((16, 16, 3), np.float32), "x"), "number 1 is no uint8 array"),
        ((np.zeros((16, 8, 3), np.uint8), "x"), r"has shape \(16, 8, 3\)"),
        ((np.zeros((16, 16, 3), np.uint8), None), "caption of picture number 1 is no text"),
    ],
)
def test_what_is_no_pair_is_refused(
    tmp_path: Path, minilm: MiniLM, two_colours: TwoColours, second: Pair, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        write_pairs([next(two_colours(0)), second], None, tmp_path / "pairs", minilm, lambda *_: None)
    assert not list(tmp_path.iterdir())
