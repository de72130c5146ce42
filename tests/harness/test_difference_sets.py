"""Whole-set metrics of pairs: parts of the inputs, and the jackknife on real runs."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.difference_sets import part_of, value_over
from harness.metrics.base import Estimate, Inputs, OfSubsets, ReferenceFeatures, SetMetric
from harness.metrics.cmmd import Cmmd
from harness.metrics.distance import FrechetMetric
from harness.metrics.fid_infinity import FidInfinity
from harness.metrics.frechet import frechet_from_features
from harness.metrics.inception_score import InceptionScore
from harness.metrics.kid import KidMetric
from harness.metrics.manifold import ManifoldMetric, Quantity
from harness.metrics.mmd import polynomial_kernel
from harness.rows import Vectors, as_rows
from harness.stats import Interval
from harness.types import Direction

METRIC = FrechetMetric(name="fid", extractor="inception")
ON: dict[str, Any] = {"extractor": "inception", "summary": ""}
CHEAP: dict[str, SetMetric] = {
    "kid": KidMetric(name="kid", **ON),
    "cmmd": Cmmd(extractor="inception"),
    "inception_score": InceptionScore(name="inception_score", splits=3, **ON),
    "fid_infinity": FidInfinity(name="fid_infinity", **ON),
    **{
        f"{quantity}_k{k}": ManifoldMetric(name=quantity, quantity=quantity, k=k, **ON)
        for quantity in get_args(Quantity)
        for k in (1, 3)
    },
}


def _inputs(seed: int, n: int, d: int) -> Inputs:
    rng = np.random.default_rng(seed)
    reference = as_rows(rng.normal(size=(30, d)).astype(np.float32))

    def embed(name: str, texts: object) -> Vectors:
        raise AssertionError("no text is asked for")

    return Inputs(
        features={"inception": as_rows(rng.normal(size=(n, d)).astype(np.float32))},
        captions=[f"caption {i // 2}" for i in range(n)],
        clusters=np.arange(n, dtype=np.intp) // 2,
        identities={"inception": "x"},
        embed=embed,
        reference=ReferenceFeatures("pictures:0", 30, {"inception": reference}),
        metas=[{"i": i} for i in range(n)],
        observations={"words": [f"word {i}" for i in range(n)]},
    )


@pytest.mark.parametrize("places", [[0, 3, 4, 9], [2, 1]])
def test_a_part_has_its_pictures_and_all_that_belongs_to_them(places: list[int]) -> None:
    inputs = _inputs(0, 12, 5)
    part = part_of(inputs, np.array(places))
    np.testing.assert_array_equal(
        np.asarray(part.features["inception"]), np.asarray(inputs.features["inception"])[places]
    )
    assert part.captions == [inputs.captions[i] for i in places]
    assert part.clusters.tolist() == [i // 2 for i in places]
    assert part.metas == [{"i": i} for i in places]
    assert part.observations == {"words": [f"word {i}" for i in places]}
    assert part.reference is inputs.reference


@given(st.integers(0, 100), st.sampled_from([(20, 6), (14, 30)]))
@settings(max_examples=15, deadline=None)
def test_of_parts_a_prepared_metric_gives_what_it_gives_of_them_alone(
    seed: int, shape: tuple[int, int]
) -> None:
    inputs = _inputs(seed, *shape)
    assert isinstance(METRIC, OfSubsets)
    value = value_over(METRIC, inputs)
    places = np.sort(np.random.default_rng(seed).choice(shape[0], 9, replace=False))
    alone = METRIC.whole_set(part_of(inputs, places)).value
    assert value(places) == pytest.approx(alone, rel=1e-6)
    assert inputs.reference is not None
    expected = frechet_from_features(
        np.asarray(inputs.features["inception"])[places], np.asarray(inputs.reference.features["inception"])
    )
    assert value(places) == pytest.approx(expected, rel=1e-6)
    assert value(np.arange(shape[0])) == pytest.approx(METRIC.whole_set(inputs).value, rel=1e-9)


@pytest.mark.parametrize("name", CHEAP)
@given(seed=st.integers(0, 10**6), n=st.integers(24, 90), share=st.floats(0.1, 0.95))
@settings(max_examples=8, deadline=None)
def test_every_set_metric_gives_of_a_part_what_it_gives_of_its_pictures_alone(
    name: str, seed: int, n: int, share: float
) -> None:
    """Also of parts that leave a picture few of its neighbours, and with pictures that came twice."""
    metric, inputs = CHEAP[name], _inputs(seed, n, 3)
    whole = np.asarray(inputs.features["inception"]).copy()
    whole[1::7] = whole[::7][: len(whole[1::7])]
    inputs = replace(inputs, features={"inception": as_rows(whole)})
    assert isinstance(metric, OfSubsets)
    value = value_over(metric, inputs)
    size = max(round(share * n), 4)
    for places in (np.arange(n), np.sort(np.random.default_rng(seed).choice(n, size, replace=False))):
        try:
            alone = metric.whole_set(part_of(inputs, places)).value
        except ValueError as error:  # too few pictures, and the same is said of the part
            with pytest.raises(ValueError, match=re.escape(str(error))):
                value(places)
        else:
            assert value(places) == pytest.approx(alone, rel=1e-9, abs=1e-9)


def test_of_crowded_balls_recall_is_searched_for_in_each_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.metrics.manifold_parts.MOST", 2)
    inputs = _inputs(3, 60, 2)
    for k in (1, 3):
        metric = ManifoldMetric(name="recall", quantity="recall", k=k, **ON)
        value = value_over(metric, inputs)
        for places in (np.arange(60), np.arange(0, 60, 2), np.arange(45)):
            alone = metric.whole_set(part_of(inputs, places)).value
            assert 0 < alone < 1
            assert value(places) == alone


def test_of_parts_the_kernel_is_made_of_the_pictures_left_out_only(monkeypatch: pytest.MonkeyPatch) -> None:
    made = 0

    def counted(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        nonlocal made
        made += len(x) * len(y)
        return polynomial_kernel(x, y)

    monkeypatch.setattr("harness.metrics.kid.polynomial_kernel", counted)
    value = value_over(CHEAP["kid"], _inputs(0, 80, 3))
    first, made = made, 0
    for group in range(20):
        value(np.setdiff1d(np.arange(80), np.arange(4 * group, 4 * group + 4)))
    assert made == 20 * 4 * 4 < first / 20


@dataclass(frozen=True)
class _Spread:
    """A whole-set metric of another package, which has nothing prepared: the features' total variance."""

    name: str = "spread"
    direction: Direction = "higher"
    image_extractors: tuple[str, ...] = ("inception",)
    text_extractors: tuple[str, ...] = ()
    needs_reference: bool = False
    bounds: tuple[float, float] | None = None

    def identity(self, inputs: Inputs) -> str:
        return "spread[x]"

    def whole_set(self, inputs: Inputs) -> Estimate:
        value = float(np.asarray(inputs.features["inception"]).var(0, ddof=1).sum())
        return Estimate(value, Interval(value, value, "none"))


def test_a_metric_that_prepares_nothing_is_asked_for_each_part() -> None:
    inputs = _inputs(1, 12, 4)
    assert isinstance(_Spread(), SetMetric)
    assert not isinstance(_Spread(), OfSubsets)
    places = np.array([1, 5, 6, 7])
    expected = np.asarray(inputs.features["inception"])[places].var(0, ddof=1).sum()
    assert value_over(_Spread(), inputs)(places) == pytest.approx(expected)
