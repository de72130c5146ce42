"""Fréchet distances as metrics: identities, columns, references of every kind."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from drawbench.errors import InputError
from harness.metrics.base import Inputs
from harness.metrics.distance import FrechetMetric
from harness.metrics.frechet import frechet_from_features

WHOLE = FrechetMetric(name="fid", extractor="x")
CUT = FrechetMetric(name="fid_torch_fidelity", extractor="x", part=(0, 5))


def _sets(n: int = 40, m: int = 50) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n, 8)) + 0.2, 1.1 * rng.normal(size=(m, 8))
    return x.astype(np.float32), y.astype(np.float32)


@pytest.mark.parametrize("statistics", [False, True])
def test_the_reference_may_be_pictures_or_statistics_only(
    inputs_of: Callable[..., Inputs], statistics: bool
) -> None:
    x, y = _sets()
    inputs = inputs_of(x, y, np.arange(40) // 2, statistics)
    found = WHOLE.whole_set(inputs)
    assert found.value == pytest.approx(frechet_from_features(x, y), rel=1e-9)
    assert found.interval.low < found.value < found.interval.high
    assert found.interval.method == "95% jackknife over 20 groups of 20 prompts, given the reference"
    assert WHOLE.identity(inputs) == "fid[x-1|ref|ref_n=50|png]"
    cut = CUT.whole_set(inputs)
    assert cut.value == pytest.approx(frechet_from_features(x[:, :5], y[:, :5]), rel=1e-9)


def test_small_numbers_are_remarked_on(inputs_of: Callable[..., Inputs]) -> None:
    x, y = _sets()
    (note,) = WHOLE.whole_set(inputs_of(x[:39], y)).notes
    assert "39 pictures against 50 reference pictures in 8 dimensions" in note
    assert "large bias" in note
    assert WHOLE.whole_set(inputs_of(x, y)).notes == ()


def test_what_is_missing_is_said(inputs_of: Callable[..., Inputs]) -> None:
    x, y = _sets()
    with pytest.raises(InputError, match="metric fid needs reference pictures; give --reference"):
        WHOLE.whole_set(inputs_of(x))
    with pytest.raises(ValueError, match="at least 2 pictures, got 1"):
        WHOLE.whole_set(inputs_of(x[:1], y))
    with pytest.raises(ValueError, match="at least 2 pictures, got 1"):
        WHOLE.whole_set(inputs_of(x, y[:1]))
