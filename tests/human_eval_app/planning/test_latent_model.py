from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from human_eval_app.planning.latent_model import lead_for, mean_of, place_of


@given(st.floats(0.001, 0.999), st.floats(0, 3), st.floats(1, 4))
def test_the_lead_for_a_mean_gives_the_mean(mean: float, cut: float, spread: float) -> None:
    assert mean_of(lead_for(mean, cut, spread), cut, spread) == pytest.approx(mean, abs=1e-8)


@given(st.floats(0.001, 0.999), st.floats(0, 3), st.floats(1, 4))
def test_opposite_means_have_opposite_leads(mean: float, cut: float, spread: float) -> None:
    assert lead_for(mean, cut, spread) == pytest.approx(-lead_for(1 - mean, cut, spread), abs=1e-6)


def test_the_mean_is_that_of_placed_impressions() -> None:
    rng = np.random.default_rng(0)
    impressions = 0.4 + 1.3 * rng.standard_normal(200_000)
    places = np.array([place_of(value, 0.5) for value in impressions])
    assert (1 - places / 2).mean() == pytest.approx(mean_of(0.4, 0.5, 1.3), abs=0.003)


def test_without_a_middle_nothing_falls_there() -> None:
    assert [place_of(u, 0.0) for u in (0.1, 0.0, -0.1)] == [0, 2, 2]


@pytest.mark.parametrize("mean", [0, 1, -0.03, 1.005])
def test_certain_effects_are_refused(mean: float) -> None:
    with pytest.raises(ValueError, match="between"):
        lead_for(mean, 0.3, 1.3)
