"""The band of repeats covers the next repeat as often as it says."""

from __future__ import annotations

import numpy as np
import pytest

from harness.regression.noise_band import noise_band


@pytest.mark.parametrize("repeats", [3, 6])
def test_it_holds_the_next_repeat_95_times_in_100(repeats: int) -> None:
    rng = np.random.default_rng(1)
    draws = rng.normal(5.0, 0.3, size=(4000, repeats + 1))
    held = np.mean([noise_band(row[:-1].tolist()).holds(float(row[-1])) for row in draws])
    assert held == pytest.approx(0.95, abs=0.012)


def test_two_runs_are_too_few() -> None:
    with pytest.raises(ValueError, match="at least 3"):
        noise_band([1.0, 2.0])
