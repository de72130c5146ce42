import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imagen.schedule import SCHEDULES
from imagen.training.weighting import WEIGHTINGS, loss_weight


@given(st.floats(-10, 10), st.floats(0.5, 20))
def test_min_snr_is_hang_et_als_formula_for_each_objective(log_snr: float, gamma: float) -> None:
    level = torch.tensor([log_snr], dtype=torch.double)
    snr = level.exp()
    got = loss_weight(level, "min_snr", gamma)
    capped = torch.minimum(snr, torch.tensor(gamma, dtype=torch.double))
    assert torch.allclose(got, capped)  # of an error in x0
    assert torch.allclose(got / loss_weight(level, "eps", gamma), capped / snr)
    assert torch.allclose(got / loss_weight(level, "v", gamma), capped / (snr + 1))


def test_the_default_weight_is_one_in_pure_noise_and_capped_when_clean() -> None:
    weight = loss_weight(SCHEDULES["cosine"](torch.tensor([0.0, 0.5, 1.0])), "capped_v", 5.0)
    assert weight.tolist() == pytest.approx([5.0, 2.0, 1.0], abs=0.01)


def test_every_weighting_keeps_shapes_and_is_never_negative() -> None:
    levels = torch.linspace(-10, 10, 12).reshape(3, 4)
    for name in WEIGHTINGS:
        weight = loss_weight(levels, name, 5.0)
        assert weight.shape == levels.shape
        assert bool((weight >= 0).all())
