"""CLIP R-precision: draws, ranks and ties by hand, invariance, and a real small CLIP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawbench.types import Prompt
from harness.extractors.base import Setting
from harness.extractors.clip import build
from harness.metrics import find_metric
from harness.metrics.base import Inputs, PerImageMetric, Selective
from harness.metrics.r_precision import ClipRPrecision, candidate_places, own_rank_score, text_pool
from harness.rows import as_rows

METRIC = ClipRPrecision()


def _inputs(
    pictures: np.ndarray,
    captions: Sequence[str],
    vectors: dict[str, np.ndarray],
    seed: int = 0,
    bench: Any = (),
) -> Inputs:
    return Inputs(
        features={"clip": as_rows(pictures.astype(np.float32))},
        captions=captions,
        clusters=np.arange(len(captions)),
        identities={"clip": "net"},
        embed=lambda _, texts: np.array([vectors[text] for text in texts], dtype=np.float32),
        seed=seed,
        bench_texts=bench or tuple(vectors),
    )


def _random(count: int, dim: int = 8, seed: int = 0) -> tuple[list[str], dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    texts = [f"text {i}" for i in range(count)]
    return texts, {text: rng.normal(size=dim) for text in texts}


def test_a_picture_of_its_own_prompt_is_right_and_one_of_another_is_not() -> None:
    texts, vectors = _random(6)
    own = np.array([vectors[text] for text in texts])
    assert METRIC.per_image(_inputs(own, texts, vectors)).tolist() == [1.0] * 6
    assert METRIC.per_image(_inputs(np.roll(own, 1, 0), texts, vectors)).tolist() == [0.0] * 6


def test_values_are_those_of_a_full_sort_where_all_prompts_are_candidates() -> None:
    texts, vectors = _random(30)
    pictures = np.random.default_rng(1).normal(size=(30, 8)) + [2 * vectors[text] for text in texts]
    matrix = np.array([vectors[text] / np.linalg.norm(vectors[text]) for text in texts])
    unit = pictures / np.linalg.norm(pictures, axis=1, keepdims=True)
    expected = (unit @ matrix.T).argmax(1) == np.arange(30)
    assert 0 < expected.mean() < 1
    np.testing.assert_array_equal(METRIC.per_image(_inputs(pictures, texts, vectors)), expected)


def test_pictures_without_a_relation_are_right_once_in_r() -> None:
    texts, vectors = _random(400, dim=64)
    noise = np.random.default_rng(2).normal(size=(4000, 64))
    captions = texts * 10
    for candidates in (5, 20):
        values = ClipRPrecision(candidates=candidates).per_image(_inputs(noise, captions, vectors))
        error = (1 / candidates * (1 - 1 / candidates) / 4000) ** 0.5
        assert values.mean() == pytest.approx(1 / candidates, abs=5 * error)


@given(st.integers(2, 300), st.integers(2, 120), st.integers(0, 5), st.data())
def test_candidates_are_others_without_repeats_and_depend_on_the_text_alone(
    count: int, size: int, seed: int, data: st.DataObject
) -> None:
    pool = text_pool([f"t{i}" for i in range(count)], [])
    own = data.draw(st.integers(0, count - 1))
    places = candidate_places(pool, own, size, seed)
    assert len(set(places.tolist())) == len(places) == min(size, count) - 1
    assert own not in places
    assert places.min(initial=0) >= 0
    assert places.max(initial=0) < count
    np.testing.assert_array_equal(places, candidate_places(pool, own, size, seed))


def test_the_seed_and_the_prompt_choose_the_candidates() -> None:
    pool = text_pool([f"t{i}" for i in range(300)], [])
    draws = [tuple(candidate_places(pool, own, 100, seed)) for own, seed in ((0, 0), (0, 1), (1, 0))]
    assert len(set(draws)) == 3


def test_order_and_neighbours_and_failed_pictures_change_nothing() -> None:
    texts, vectors = _random(250)
    pictures = np.random.default_rng(3).normal(size=(250, 8)) + [vectors[text] for text in texts]
    whole = METRIC.per_image(_inputs(pictures, texts, vectors))
    backwards = METRIC.per_image(_inputs(pictures[::-1], texts[::-1], vectors, bench=texts[::-1]))
    np.testing.assert_array_equal(backwards[::-1], whole)
    few = METRIC.per_image(_inputs(pictures[:7], texts[:7], vectors))
    np.testing.assert_array_equal(few, whole[:7])
    assert METRIC.identity(_inputs(pictures[:7], texts[:7], vectors)) == METRIC.identity(
        _inputs(pictures, texts, vectors)
    )


def test_prompts_with_the_same_text_are_one_candidate() -> None:
    vectors = {"a": np.array([1.0, 0.0]), "b": np.array([0.0, 1.0])}
    pictures = np.array([[1.0, 0.1], [1.0, 0.2], [0.1, 1.0]])
    inputs = _inputs(pictures, ["a", "a", "b"], vectors, bench=["a", "b", "a", "a"])
    assert METRIC.per_image(inputs).tolist() == [1.0, 1.0, 1.0]
    assert "|R=2|pool:2@" in METRIC.identity(inputs)


def test_texts_that_look_the_same_share_the_first_rank() -> None:
    texts = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 1e-9], [0.0, 1.0]])
    picture = np.array([1.0, 0.0])
    assert own_rank_score(picture, texts, 0, np.array([1, 2, 3])) == pytest.approx(1 / 3)
    assert own_rank_score(picture, texts, 3, np.array([0])) == 0.0
    assert own_rank_score(picture, texts, 0, np.array([3])) == 1.0


def test_the_identity_names_candidates_pool_and_seed() -> None:
    texts, vectors = _random(150)
    inputs = _inputs(np.ones((1, 8)), texts[:1], vectors, seed=4)
    identity = METRIC.identity(inputs)
    assert identity.startswith("clip_r_precision[net|R=100|pool:150@")
    assert identity.endswith("|seed4|eos-kept|png]")
    other = METRIC.identity(
        _inputs(np.ones((1, 8)), texts[:1], {**vectors, "more": vectors["text 0"]}, seed=4)
    )
    assert other != identity


def test_one_prompt_leaves_nothing_to_choose_from() -> None:
    assert isinstance(METRIC, Selective)
    assert isinstance(METRIC, PerImageMetric)
    same = [Prompt("a", "a cat"), Prompt("b", "a cat")]
    assert METRIC.unsuited(same) == "it needs at least two different prompts to choose from"
    assert METRIC.unsuited([*same, Prompt("c", "a dog")]) is None
    assert find_metric("clip_r_precision") == METRIC


def test_long_prompts_that_are_cut_to_the_same_beginning_tie_in_a_real_clip(tiny_clip: Any) -> None:
    clip = build(Setting(clip_model=f"local-dir:{tiny_clip.open_clip}"))
    beginning = "cat dog " * 38
    captions = [beginning + "red", beginning + "blue"]
    pictures = clip.extract_images([np.full((32, 32, 3), 80, np.uint8), np.full((32, 32, 3), 200, np.uint8)])
    inputs = _inputs(pictures, captions, {t: clip.extract_texts([t])[0] for t in captions})
    assert METRIC.per_image(inputs).tolist() == [0.5, 0.5]
