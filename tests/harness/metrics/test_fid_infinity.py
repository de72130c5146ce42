"""FID-infinity: a limit that does not depend on the number of pictures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from harness.metrics.base import Inputs
from harness.metrics.fid_infinity import BiasCurve, FidInfinity, bias_curve
from harness.metrics.frechet import Generated, Reference, frechet_from_features
from harness.rows import as_rows

METRIC = FidInfinity(name="fid_infinity", extractor="x")
D = 6
REFERENCE = Reference(10**6, np.zeros(D), np.eye(D))


def _features(seed: int, n: int) -> np.ndarray:
    return (1.2 * np.random.default_rng(seed).normal(size=(n, D)) + 0.1).astype(np.float32)


def test_points_are_the_distances_of_disjoint_subsets() -> None:
    x = _features(0, 240)
    curve = bias_curve(as_rows(x), REFERENCE, np.arange(240))
    assert curve.counts == pytest.approx((240, 120, 80, 60))
    assert curve.values[0] == pytest.approx(Generated(x, REFERENCE).distance(), rel=1e-9)
    assert list(curve.values) == sorted(curve.values)
    x_axis = 1 / np.array(curve.counts)
    slope, intercept = np.polyfit(x_axis, curve.values, 1)
    assert (curve.slope, curve.infinity) == pytest.approx((slope, intercept), rel=1e-6)


def test_the_limit_is_the_true_distance_where_the_value_is_biased() -> None:
    """N(0.1, 1.44 I) against N(0, I) in 6 dimensions: 6 * (0.01 + 0.04) = 0.3."""
    for n in (120, 480):
        curves = [bias_curve(as_rows(_features(seed, n)), REFERENCE, np.arange(n)) for seed in range(60)]
        limits = np.array([curve.infinity for curve in curves])
        error = limits.std(ddof=1) / np.sqrt(60)
        assert abs(limits.mean() - 0.3) < 3 * error + 0.005
        biased = np.mean([curve.values[0] for curve in curves])
        assert biased - 0.3 > 3 * error
        covered = np.mean([curve.interval.low <= 0.3 <= curve.interval.high for curve in curves])
        assert covered >= 0.87


def test_prompts_stay_together_and_seeds_count() -> None:
    x = np.repeat(_features(1, 60), 4, axis=0)  # four equal pictures a prompt are one
    single = bias_curve(as_rows(_features(1, 60)), REFERENCE, np.arange(60))
    curve = bias_curve(as_rows(x), REFERENCE, np.arange(240) // 4)
    assert curve.infinity == pytest.approx(single.infinity, rel=0.1)
    assert bias_curve(as_rows(x), REFERENCE, np.arange(240) // 4) == curve
    assert bias_curve(as_rows(x), REFERENCE, np.arange(240) // 4, seed=1) != curve


def test_the_metric(inputs_of: Callable[..., Inputs]) -> None:
    x, y = _features(2, 100), _features(3, 500)
    inputs = inputs_of(x, y, np.arange(100) // 2)
    estimate = METRIC.whole_set(inputs)
    assert estimate.value < frechet_from_features(x, y)
    assert estimate.interval.low < estimate.value < estimate.interval.high
    assert "12 groups of 50 prompts" in estimate.interval.method
    assert "the distance is" in estimate.notes[0]
    assert "at 100, " in estimate.notes[0]
    assert METRIC.whole_set(inputs_of(x, y, np.arange(100) // 2, statistics=True)).value == pytest.approx(
        estimate.value, rel=1e-9
    )
    assert METRIC.identity(inputs) == ("fid_infinity[x-1|disjoint 1/1..1/4 of the prompts|ref|ref_n=500|png]")
    with pytest.raises(ValueError, match="needs 48 pictures at least, 8 for each of 6 dimensions, got 47"):
        METRIC.whole_set(inputs_of(x[:47], y))
    with pytest.raises(ValueError, match="at least 12 prompts, got 2"):
        METRIC.whole_set(inputs_of(x, y, np.arange(100) // 50))


def test_the_curve_is_data() -> None:
    curve = BiasCurve((20, 10), (1.0, 1.5), 0.5, 10.0)
    assert np.isnan(curve.interval.low)
