"""The Inception Score against torch-fidelity and torchmetrics, and its closed forms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.metrics import inception_score as module
from harness.metrics.base import Inputs
from harness.metrics.inception_score import InceptionScore, inception_score
from harness.rows import as_rows


def _logits(n: int = 203, classes: int = 20, seed: int = 0) -> np.ndarray:
    return (3 * np.random.default_rng(seed).normal(size=(n, classes))).astype(np.float32)


@pytest.mark.parametrize("splits", [1, 10])
def test_is_torch_fidelitys(splits: int) -> None:
    theirs = pytest.importorskip("torch_fidelity.metric_isc")
    torch = pytest.importorskip("torch")
    logits = _logits()
    expected = theirs.isc_features_to_metric(torch.tensor(logits), splits=splits)["inception_score_mean"]
    value, _ = inception_score(as_rows(logits), np.arange(203), splits=splits)
    assert value == pytest.approx(expected, rel=1e-10)


def test_is_torchmetrics_where_there_is_one_split() -> None:
    """With more its shuffle comes from torch's global generator, so that its value changes by the call."""
    torch = pytest.importorskip("torch")
    inception = pytest.importorskip("torchmetrics.image.inception")

    class Passed(torch.nn.Module):  # type: ignore[misc, name-defined]
        """A network of theirs to be: what comes in are the logits."""

        def forward(self, x: object) -> object:
            return x

    score = inception.InceptionScore(feature=Passed(), splits=1, normalize=True)
    score.features = [torch.tensor(_logits()).double()]
    score._update_count = 1
    value, _ = inception_score(as_rows(_logits()), np.arange(203), splits=1)
    assert value == pytest.approx(float(score.compute()[0]), rel=1e-10)


def test_closed_forms() -> None:
    """Every picture sure, classes equally often: the number of classes. All pictures alike: 1."""
    sure = np.eye(4, dtype=np.float32)[np.arange(40) % 4]
    value, _ = inception_score(as_rows(sure), np.arange(40), "probabilities", splits=1)
    assert value == pytest.approx(4.0, abs=1e-12)
    alike = np.tile(np.float32([0.5, 0.25, 0.25]), (20, 1))
    value, interval = inception_score(as_rows(alike), np.arange(20), "probabilities", splits=2)
    assert value == pytest.approx(1.0, abs=1e-8)
    assert interval.low == 1.0


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_lies_between_one_and_the_number_of_classes(seed: int, splits: int) -> None:
    value, interval = inception_score(as_rows(_logits(30, 5, seed)), np.arange(30) // 2, splits=splits)
    assert 1 - 1e-9 <= value <= 5 + 1e-9
    assert 1 <= interval.low <= interval.high <= 5


def test_logits_and_probabilities_agree_and_pieces_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = _logits()
    wide = np.exp(logits.astype(np.float64))
    probabilities = (wide / wide.sum(1, keepdims=True)).astype(np.float32)
    whole = inception_score(as_rows(logits), np.arange(203))
    other, _ = inception_score(as_rows(probabilities), np.arange(203), "probabilities")
    assert other == pytest.approx(whole[0], rel=1e-5)
    monkeypatch.setattr(module, "CHUNK", 17)
    assert inception_score(as_rows(logits), np.arange(203))[0] == pytest.approx(whole[0], rel=1e-12)
    one_split = [
        inception_score(as_rows(x), np.arange(203), splits=1)[0] for x in (logits, logits[::-1].copy())
    ]
    assert one_split[0] == pytest.approx(one_split[1], rel=1e-12)


def test_the_metric(inputs_of: Callable[..., Inputs]) -> None:
    metric = InceptionScore(name="inception_score", extractor="x", part=(5, 25))
    inputs = inputs_of(_logits(60, 25), clusters=np.arange(60) // 2)
    estimate = metric.whole_set(inputs)
    expected, _ = inception_score(as_rows(_logits(60, 25)[:, 5:]), np.arange(60))
    assert estimate.value == pytest.approx(expected)
    assert estimate.interval.low < estimate.value < estimate.interval.high
    assert "6 pictures a split for 20 classes" in estimate.notes[0]
    assert metric.identity(inputs) == "inception_score[x-1|splits=10|seed=2020|png]"
    with pytest.raises(ValueError, match="needs at least 20 pictures, got 19"):
        metric.whole_set(inputs_of(_logits(19, 25)))
    with pytest.raises(ValueError, match="NaN"):
        metric.whole_set(inputs_of(np.full((60, 25), np.nan, np.float32)))
