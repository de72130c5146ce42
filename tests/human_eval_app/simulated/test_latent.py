from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from human_eval_app.simulated.latent import mean_value, place, shift_for


@given(st.floats(0.1, 99.9), st.floats(0, 3), st.floats(1, 4))
def test_the_shift_of_an_effect_gives_the_effect(percent: float, threshold: float, spread: float) -> None:
    assert mean_value(shift_for(percent, threshold, spread), threshold, spread) == pytest.approx(
        percent, abs=1e-6
    )


@given(st.floats(0.1, 99.9), st.floats(0, 3), st.floats(1, 4))
def test_opposite_effects_have_opposite_shifts(percent: float, threshold: float, spread: float) -> None:
    shift, other = shift_for(percent, threshold, spread), shift_for(100 - percent, threshold, spread)
    assert shift == pytest.approx(-other, abs=1e-6)


def test_mean_value_is_the_mean_of_placed_judgements() -> None:
    rng = np.random.default_rng(0)
    u = 0.4 + 1.3 * rng.standard_normal(200_000)
    places = np.array([place(value, 0.5) for value in u])
    assert (100 - 50 * places).mean() == pytest.approx(mean_value(0.4, 0.5, 1.3), abs=0.3)


def test_without_a_middle_nothing_falls_there() -> None:
    assert [place(u, 0.0) for u in (0.1, 0.0, -0.1)] == [0, 2, 2]


@pytest.mark.parametrize("percent", [0, 100, -3, 100.5])
def test_certain_effects_are_refused(percent: float) -> None:
    with pytest.raises(ValueError, match="between"):
        shift_for(percent, 0.3, 1.3)
