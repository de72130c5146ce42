"""KID against the codes that people publish with, on the same features."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from harness.metrics.base import Inputs
from harness.metrics.kid import KidMetric, KidSubsetsMetric, kid_over_subsets
from harness.metrics.mmd import mmd, polynomial_kernel
from harness.rows import as_rows

KID = KidMetric(name="kid", extractor="x")
SUBSETS = KidSubsetsMetric(name="kid_torch_fidelity", extractor="x", subsets=8, size=50)


def _sets(n: int = 120, m: int = 90, d: int = 32) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x, y = np.maximum(rng.normal(size=(n, d)), 0) * 1.3, np.maximum(rng.normal(size=(m, d)), 0)
    return x.astype(np.float32), y.astype(np.float32)


def test_subsets_are_torch_fidelitys() -> None:
    theirs = pytest.importorskip("torch_fidelity.metric_kid")
    torch = pytest.importorskip("torch")
    x, y = _sets()
    expected = theirs.kid_features_to_metric(
        torch.tensor(x), torch.tensor(y), kid_subsets=100, kid_subset_size=50, rng_seed=2020, verbose=False
    )["kernel_inception_distance_mean"]
    value, _ = kid_over_subsets(as_rows(x), as_rows(y), np.arange(120), 100, 50, 2020)
    assert value == pytest.approx(expected, rel=2e-5)


def test_over_all_pictures_is_torchmetrics_with_one_whole_subset() -> None:
    torch = pytest.importorskip("torch")
    kid = pytest.importorskip("torchmetrics.image.kid")
    x, y = _sets(90, 90)
    expected = float(kid.poly_mmd(torch.tensor(y).double(), torch.tensor(x).double()))
    value, _ = mmd(as_rows(x), as_rows(y), polynomial_kernel, np.arange(90))
    assert value == pytest.approx(expected, rel=1e-10)


def test_over_all_pictures_is_clean_fids_with_one_whole_subset() -> None:
    fid = pytest.importorskip("cleanfid.fid")
    x, y = _sets(90, 90)
    expected = fid.kernel_distance(x.astype(np.float64), y.astype(np.float64), num_subsets=1)
    value, _ = mmd(as_rows(x), as_rows(y), polynomial_kernel, np.arange(90))
    assert value == pytest.approx(expected, rel=1e-10)


def test_the_mean_over_many_subsets_is_the_value_over_all() -> None:
    x, y = _sets()
    whole, _ = mmd(as_rows(x), as_rows(y), polynomial_kernel, np.arange(120))
    many, _ = kid_over_subsets(as_rows(x), as_rows(y), np.arange(120), 600, 60, 1)
    assert many == pytest.approx(whole, rel=0.03)


def test_its_mean_does_not_depend_on_the_number_of_pictures() -> None:
    rng = np.random.default_rng(0)
    y = as_rows(rng.normal(size=(500, 8)).astype(np.float32))

    def mean(n: int, runs: int) -> tuple[float, float]:
        found = [
            mmd(as_rows(rng.normal(size=(n, 8)).astype(np.float32)), y, polynomial_kernel, np.arange(n))[0]
            for _ in range(runs)
        ]
        return float(np.mean(found)), float(np.std(found) / np.sqrt(runs))

    (few, few_error), (many, many_error) = mean(10, 300), mean(100, 100)
    assert abs(few - many) < 4 * np.hypot(few_error, many_error)


def test_leaving_a_group_out_is_the_value_of_the_rest(inputs_of: Callable[..., Inputs]) -> None:
    x, y = _sets(50, 50)
    clusters = np.arange(50) // 10
    value, interval = kid_over_subsets(as_rows(x), as_rows(y), clusters, 1, 50, 0)
    left = [mmd(as_rows(x[clusters != c]), as_rows(y), polynomial_kernel, np.arange(40))[0] for c in range(5)]
    error = np.sqrt(4 / 5 * ((left - np.mean(left)) ** 2).sum())
    assert interval.high - value == pytest.approx(2.7764451 * error, rel=1e-6)


def test_metrics_say_what_they_are(inputs_of: Callable[..., Inputs]) -> None:
    x, y = _sets()
    inputs = inputs_of(x, y, np.arange(120) // 2)
    assert KID.identity(inputs) == "kid[x-1|poly3|unbiased|all|ref|ref_n=90|png]"
    assert SUBSETS.identity(inputs) == (
        "kid_torch_fidelity[x-1|poly3|unbiased|subsets=8x50|seed=2020|ref|ref_n=90|png]"
    )
    estimate = KID.whole_set(inputs)
    assert estimate.interval.low < estimate.value < estimate.interval.high
    assert "60 prompts" in estimate.interval.method
    assert SUBSETS.whole_set(inputs) == SUBSETS.whole_set(inputs)
    with pytest.raises(ValueError, match="got 20 and 90; kid has no subsets"):
        SUBSETS.whole_set(inputs_of(x[:20], y))
    with pytest.raises(ValueError, match="statistics only; give a folder"):
        KID.whole_set(inputs_of(x, y, statistics=True))
    with pytest.raises(ValueError, match="no protocol"):
        KidSubsetsMetric(name="kid", extractor="x", size=1)
