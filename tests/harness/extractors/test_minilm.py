"""MiniLM with its real weights."""

from __future__ import annotations

import numpy as np
import pytest

from harness.extractors.base import Setting, TextExtractor
from harness.extractors.minilm import MiniLM, build

TEXTS = ["A red colored car.", "A crimson automobile on the road.", "A bowl of soup.", "", "Three cats."]


@pytest.fixture(scope="module")
def extractor() -> MiniLM:
    return build(Setting())


def test_known_cosines(extractor: MiniLM) -> None:
    car, automobile, soup = extractor.extract_texts(TEXTS[:3])
    assert car @ automobile == pytest.approx(0.634, abs=0.002)
    assert car @ soup == pytest.approx(0.134, abs=0.002)


def test_shape_and_length(extractor: MiniLM) -> None:
    vectors = extractor.extract_texts(TEXTS)
    assert isinstance(extractor, TextExtractor)
    assert vectors.shape == (5, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    assert extractor.extract_texts([]).shape == (0, 384)


def test_neighbours_and_order_change_nothing(extractor: MiniLM) -> None:
    together = extractor.extract_texts(TEXTS)
    np.testing.assert_allclose(extractor.extract_texts(TEXTS[::-1])[::-1], together, atol=1e-6)
    alone = np.concatenate([extractor.extract_texts([text]) for text in TEXTS])
    np.testing.assert_allclose(alone, together, atol=1e-6)


def test_long_texts_are_cut_after_256_tokens_with_their_end_mark(extractor: MiniLM) -> None:
    fits, long, longer = ("cat " * n for n in (254, 255, 2500))
    assert not extractor.is_truncated(fits)
    assert extractor.is_truncated(long)
    assert extractor.is_truncated(longer)
    vectors = extractor.extract_texts([fits, long, longer])
    np.testing.assert_allclose(vectors[1:], vectors[[0, 0]], atol=1e-6)
