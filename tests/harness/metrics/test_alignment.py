"""ConSE: the formula by hand, and real pictures with real weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from harness.extractors import effnet, minilm
from harness.extractors.base import Setting
from harness.features import text_features
from harness.metrics.alignment import AlignConse, conse, cosines
from harness.metrics.base import Inputs, PerImageMetric, SetMetric


def _inputs(features: dict[str, np.ndarray], captions: Sequence[str], embed) -> Inputs:  # type: ignore[no-untyped-def]
    return Inputs(
        features=features,
        captions=captions,
        clusters=np.arange(len(captions)),
        identities={"effnet_lite0": "net|224", "text:minilm": "mini"},
        embed=embed,
    )


def test_cosines_by_hand() -> None:
    a = np.array([[3.0, 4.0], [1.0, 0.0], [0.0, 0.0], [-2.0, 0.0]])
    b = np.array([[4.0, 3.0], [0.0, 5.0], [1.0, 1.0], [1.0, 0.0]])
    np.testing.assert_allclose(cosines(a, b), [0.96, 0.0, 0.0, -1.0])


def test_conse_takes_the_mean_of_the_likeliest_classes_about_the_centre() -> None:
    classes = np.eye(3, dtype=np.float32)
    centre = classes.mean(0)
    probabilities = np.array([[0.6, 0.3, 0.1]], np.float32)
    for top, weights in ((1, [1, 0, 0]), (2, [2 / 3, 1 / 3, 0]), (3, [0.6, 0.3, 0.1])):
        image = np.array(weights) @ (classes - centre)
        for caption in classes:
            text = caption - centre
            expected = image @ text / np.linalg.norm(image) / np.linalg.norm(text)
            assert conse(probabilities, classes, caption[None], top)[0] == pytest.approx(expected)


def test_conse_ignores_the_order_of_classes() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(80), 5).astype(np.float32)
    classes, captions = rng.normal(size=(80, 16)), rng.normal(size=(5, 16))
    order = rng.permutation(80)
    np.testing.assert_allclose(
        conse(probabilities[:, order], classes[order], captions), conse(probabilities, classes, captions)
    )


def test_kinds_and_bounds() -> None:
    metric = AlignConse()
    assert isinstance(metric, PerImageMetric)
    assert not isinstance(metric, SetMetric)
    assert metric.direction == "higher"
    assert metric.bounds is not None


def test_the_right_caption_of_a_real_photograph_beats_wrong_ones(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn brings the photographs")
    photographs = [np.asarray(image) for image in datasets.load_sample_images().images]
    texts = minilm.build(Setting())
    cache = tmp_path_factory.getbasetemp() / "shared-cache"

    def embed(name: str, asked: Sequence[str]) -> np.ndarray:
        assert name == "minilm"
        return text_features(asked, texts, root=cache)

    network = effnet.build(Setting())
    features = {
        "effnet_lite0": network.extract_images(photographs),
        "effnet_lite0_halves": effnet.EffNetLite0Halves(network).extract_images(photographs),
    }
    temple, flower = "A Chinese temple with red walls.", "A blooming flower in a garden."
    others = ["Three dogs on a sofa.", "A bowl of soup.", "A steam train in a station."]
    metric = AlignConse()

    def scores(captions: Sequence[str]) -> np.ndarray:
        return metric.per_image(_inputs(features, captions, embed))

    right = scores([temple, flower])
    assert right.min() > 15
    for wrong in ([flower, temple], *([other, other] for other in others)):
        assert (right > scores(wrong) + 5).all()
    identity = metric.identity(_inputs({}, [], embed))
    assert identity.startswith("align_conse[net|224|whole+4-halves|mini|top10|classes:")
    assert identity.endswith("|x100|png]")
