"""EfficientNet-Lite0 with its real weights on real photographs."""

from __future__ import annotations

import numpy as np
import pytest

from harness.extractors.base import ImageExtractor, Setting
from harness.extractors.effnet import (
    POOLED,
    PROBABILITIES,
    EffNetLite0,
    EffNetLite0Halves,
    build,
    class_names,
    halves,
    preprocess,
)


@pytest.fixture(scope="module")
def extractor() -> EffNetLite0:
    return build(Setting())


@pytest.fixture(scope="module")
def photographs() -> list[np.ndarray]:
    """scikit-learn's two: a Chinese temple and a flower."""
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn brings the photographs")
    return [np.asarray(image) for image in datasets.load_sample_images().images]


def test_it_knows_what_is_on_real_photographs(extractor: EffNetLite0, photographs: list[np.ndarray]) -> None:
    names = class_names()
    assert len(names) == 1000
    best = extractor.extract_images(photographs)[:, PROBABILITIES].argsort(1)[:, ::-1][:, :5]
    temple, flower = ([names[i] for i in row] for row in best)
    assert {"palace", "bell tower", "monastery", "stupa"} & set(temple)
    assert flower[0] == "daisy"


def test_shape_and_ranges(extractor: EffNetLite0, photographs: list[np.ndarray]) -> None:
    features = extractor.extract_images(photographs)
    assert isinstance(extractor, ImageExtractor)
    assert features.shape == (2, extractor.dim)
    assert features.dtype == np.float32
    pooled, probabilities = features[:, POOLED], features[:, PROBABILITIES]
    assert pooled.shape == (2, 1280)
    assert pooled.min() >= 0
    assert pooled.max() <= 6
    np.testing.assert_allclose(probabilities.sum(1), 1.0, atol=1e-5)
    assert extractor.extract_images([]).shape == (0, extractor.dim)


def test_neighbours_and_order_change_no_digit(extractor: EffNetLite0, photographs: list[np.ndarray]) -> None:
    rng = np.random.default_rng(0)
    pictures = [*photographs, rng.integers(0, 256, (64, 64, 3), dtype=np.uint8), photographs[0][:300, :200]]
    together = extractor.extract_images(pictures)
    np.testing.assert_array_equal(extractor.extract_images(pictures[::-1])[::-1], together)
    np.testing.assert_array_equal(np.concatenate([extractor.extract_images([p]) for p in pictures]), together)


def test_halves_see_two_things_apart(extractor: EffNetLite0, photographs: list[np.ndarray]) -> None:
    temple, flower = photographs
    side_by_side = np.concatenate([temple, flower], axis=1)
    found = EffNetLite0Halves(extractor).extract_images([side_by_side])[0]
    alone = extractor.extract_images(photographs)[:, PROBABILITIES]
    assert found.sum() == pytest.approx(1.0, abs=1e-4)
    assert found[class_names().index("daisy")] > 0.2 * alone[1].max()
    assert (found >= alone.mean(0) / 2 - 1e-6).all(), "left and right are the two photographs"


@pytest.mark.parametrize("shape", [(1, 1), (5, 4), (7, 3)])
def test_halves_cover_the_picture(shape: tuple[int, int]) -> None:
    image = np.arange(shape[0] * shape[1] * 3, dtype=np.uint8).reshape(*shape, 3)
    left, right, upper, lower = halves(image)
    for one, two, axis in ((left, right, 1), (upper, lower, 0)):
        assert one.shape == two.shape
        assert 0 <= 2 * one.shape[axis] - shape[axis] <= 1
    np.testing.assert_array_equal(left[:, 0], image[:, 0])
    np.testing.assert_array_equal(right[:, -1], image[:, -1])
    np.testing.assert_array_equal(lower[-1], image[-1])


def test_preprocessing_is_the_networks_own() -> None:
    grey = np.full((300, 500, 3), 127, np.uint8)
    np.testing.assert_array_equal(preprocess(grey), np.zeros((224, 224, 3), np.float32))
    white = preprocess(np.full((10, 10, 3), 255, np.uint8))
    np.testing.assert_allclose(white, 1.0)
    stripes = np.zeros((1024, 1024, 3), np.uint8)
    stripes[:, ::2] = 255  # finer than 224 pixels can show: an antialiased filter gives an even grey
    assert np.abs(preprocess(stripes)[:, 5:-5]).max() < 0.1
