"""Precision, recall, density and coverage: definitions, the right way round, and the peers' own code."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.metrics import manifold
from harness.metrics.base import Inputs
from harness.metrics.manifold import ManifoldMetric, Manifolds, Quantity, estimate, manifolds
from harness.metrics.neighbours import wide_parts
from harness.rows import as_rows

QUANTITIES: tuple[Quantity, ...] = ("precision", "recall", "density", "coverage")
_SEEDS = st.integers(0, 2**32 - 1)


def _sets(seed: int = 0, n: int = 60, m: int = 50, d: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return (0.8 * rng.normal(size=(n, d)) + 0.4).astype(np.float32), rng.normal(size=(m, d)).astype(
        np.float32
    )


def _found(x: np.ndarray, y: np.ndarray, k: int) -> Manifolds:
    return manifolds(as_rows(x), as_rows(y), k, np.arange(len(x)))


def _values(x: np.ndarray, y: np.ndarray, k: int) -> dict[Quantity, float]:
    found = _found(x, y, k)
    return {quantity: estimate(quantity, found, k, np.arange(len(x)))[0] for quantity in QUANTITIES}


def _by_definition(x: np.ndarray, y: np.ndarray, k: int) -> dict[Quantity, float]:
    a, b = x.astype(float), y.astype(float)

    def radii(z: np.ndarray) -> np.ndarray:
        return np.sort(np.linalg.norm(z[:, None] - z, axis=2), axis=1)[:, k]

    across = np.linalg.norm(a[:, None] - b, axis=2)
    in_real, in_generated = across <= radii(b), radii(a) >= across.T
    return {
        "precision": float(in_real.any(1).mean()),
        "recall": float(in_generated.any(1).mean()),
        "density": float(in_real.sum(1).mean() / k),
        "coverage": float(in_real.any(0).mean()),
    }


@given(_SEEDS, st.integers(6, 30), st.integers(6, 30), st.integers(1, 4), st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_are_their_definitions(seed: int, n: int, m: int, d: int, k: int) -> None:
    x, y = _sets(seed, n, m, d)
    assert _values(x, y, k) == pytest.approx(_by_definition(x, y, k), abs=1e-12)


@pytest.mark.parametrize("k", [3, 5])
def test_precision_and_recall_are_torch_fidelitys(k: int) -> None:
    theirs = pytest.importorskip("torch_fidelity.metric_prc")
    torch = pytest.importorskip("torch")
    x, y = _sets(1, 300, 250, 16)
    expected = theirs.prc_features_to_metric(
        torch.tensor(x), torch.tensor(y), prc_neighborhood=k, verbose=False
    )
    found = _values(x, y, k)
    assert found["precision"] == pytest.approx(expected["precision"], abs=1e-6)
    assert found["recall"] == pytest.approx(expected["recall"], abs=1e-6)
    assert found["precision"] != pytest.approx(found["recall"], abs=0.05)


def test_torch_fidelity_58_precision_and_recall_are_not_swapped() -> None:
    """A narrow generated set inside a wide real one is precise and recalls little."""
    rng = np.random.RandomState(42)  # the figures of torch-fidelity's own test of the convention
    narrow, wide = 0.1 * rng.randn(200, 16), 3 * rng.randn(200, 16)
    inside = _values(narrow.astype(np.float32), wide.astype(np.float32), 3)
    assert inside["precision"] > 0.8
    assert inside["recall"] < 0.3
    outside = _values(wide.astype(np.float32), narrow.astype(np.float32), 3)
    assert outside["precision"] < 0.3
    assert outside["recall"] > 0.8


@given(_SEEDS, st.integers(1, 4))
@settings(max_examples=15, deadline=None)
def test_a_set_against_itself_is_whole(seed: int, k: int) -> None:
    x, _ = _sets(seed, 20, 20)
    found = _values(x, x, k)
    assert (found["precision"], found["recall"], found["coverage"]) == (1.0, 1.0, 1.0)
    assert found["density"] == pytest.approx((k + 1) / k)  # each ball holds its k neighbours and its centre


@given(_SEEDS)
@settings(max_examples=10, deadline=None)
def test_exchanging_the_sets_exchanges_precision_and_recall(seed: int) -> None:
    x, y = _sets(seed)
    one, other = _values(x, y, 3), _values(y, x, 3)
    assert (one["precision"], one["recall"]) == (other["recall"], other["precision"])


def test_order_and_sizes_of_pieces_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = _sets()
    clusters = np.arange(60) // 2
    whole = manifolds(as_rows(x), as_rows(y), 3, clusters, seed=4)
    assert _values(x[::-1].copy(), y[::-1].copy(), 3) == pytest.approx(_values(x, y, 3))
    monkeypatch.setattr(manifold, "wide_parts", lambda rows: wide_parts(rows, 7))
    pieces = manifolds(as_rows(x), as_rows(y), 3, clusters, seed=4)
    for name in ("inside", "covered", "recalled", "recalls"):
        np.testing.assert_array_equal(getattr(pieces, name), getattr(whole, name))
    assert (pieces.hits != whole.hits).nnz == 0


def test_all_pictures_alike() -> None:
    alike, far = np.ones((20, 3), np.float32), np.zeros((20, 3), np.float32)
    assert _values(alike, alike, 3)["precision"] == 1
    assert _values(alike, far, 3) == {"precision": 0, "recall": 0, "density": 0, "coverage": 0}
    found = _found(alike, far, 3)
    for quantity in ("precision", "recall", "coverage"):
        value, interval = estimate(quantity, found, 3, np.arange(20))
        assert interval.low == value == 0
        assert 0.1 < interval.high < 0.3  # none of 20 pictures
    _, interval = estimate("density", found, 3, np.arange(20))
    assert np.isnan(interval.high)
    assert "no ball holds a picture" in interval.method


def test_the_metrics(inputs_of: Callable[..., Inputs]) -> None:
    x, y = _sets()
    inputs = inputs_of(x, y, np.arange(60) // 2)
    for quantity in QUANTITIES:
        metric = ManifoldMetric(name=quantity, extractor="x", summary="", quantity=quantity, k=3)
        found = metric.whole_set(inputs)
        assert found.value == pytest.approx(_by_definition(x, y, 3)[quantity])
        assert found.interval.low < found.value < found.interval.high
        assert "30 prompts" in found.interval.method
        assert found.interval.method.endswith("given the reference")
        assert metric.identity(inputs) == f"{quantity}[x-1|k=3|ref|ref_n=50|png]"
        assert bool(found.notes) == (quantity in ("recall", "coverage"))
        _, single = estimate(
            quantity, manifolds(as_rows(x), as_rows(y), 3, np.zeros(60, int)), 3, np.zeros(60)
        )
        assert np.isnan(single.low) or quantity == "density"
    with pytest.raises(ValueError, match="3 nearest neighbours need at least 4 pictures, got 1"):
        metric.whole_set(inputs_of(x[:1], y))
    with pytest.raises(ValueError, match="statistics only"):
        metric.whole_set(inputs_of(x, y, statistics=True))
    with pytest.raises(ValueError, match="at least 1"):
        ManifoldMetric(name="p", extractor="x", summary="", quantity="precision", k=0)


def test_four_metrics_look_at_the_distances_once(
    inputs_of: Callable[..., Inputs], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def counted(*args: object, **settings: object) -> Manifolds:
        calls.append(args)
        return manifolds(*args, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(manifold, "manifolds", counted)
    x, y = _sets()
    inputs, others = inputs_of(x, y), inputs_of(x, y + 5)
    metrics = [ManifoldMetric(name=q, extractor="x", summary="", quantity=q, k=3) for q in QUANTITIES]
    first = [metric.whole_set(inputs).value for metric in metrics]
    assert len(calls) == 1
    assert metrics[0].whole_set(others).value != first[0]
    assert metrics[0].whole_set(inputs_of(x, y, np.arange(60) // 3)).value == first[0]
    assert len(calls) == 3
