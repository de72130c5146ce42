import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imagen.thresholding import dynamic_threshold, static_threshold, threshold


@given(st.integers(0, 2**31), st.floats(0.1, 100))
def test_each_sample_is_thresholded_by_itself(seed: int, percentile: float) -> None:
    """The whole-batch percentile leaks one saturated sample into its neighbours."""
    x = torch.randn((4, 3, 5, 5), generator=torch.Generator().manual_seed(seed)) * torch.tensor(
        [5.0, 1.0, 0.1, 20.0]
    ).view(4, 1, 1, 1)
    together = dynamic_threshold(x, percentile)
    alone = torch.cat([dynamic_threshold(one[None], percentile) for one in x])
    assert torch.equal(together, alone)


def test_percentile_is_on_the_scale_of_0_to_100() -> None:
    x = torch.linspace(0, 2, 1001)[1:].view(1, 1, 10, 100)
    out = dynamic_threshold(x, 99.5)
    s = float(x.flatten()[994])
    assert float(out.max()) == 1.0
    assert float(out[0, 0, 0, 0]) == pytest.approx(float(x[0, 0, 0, 0]) / s)


def test_s_is_never_below_one() -> None:
    x = torch.full((1, 3, 4, 4), 0.5)
    assert torch.equal(dynamic_threshold(x), x)


def test_colours_keep_their_hue_where_channels_differ() -> None:
    """A percentile per channel would scale the channels apart."""
    x = torch.stack([torch.full((8, 8), v) for v in (4.0, 2.0, 1.0)])[None]
    assert torch.allclose(dynamic_threshold(x, 100.0)[0, :, 0, 0], torch.tensor([1.0, 0.5, 0.25]))


def test_works_above_the_limit_of_torch_quantile() -> None:
    x = torch.ones(1, 1, 1, 2**24 + 1)
    x[..., 0] = 3
    assert float(dynamic_threshold(x, 99.5).max()) == 1.0


def test_half_precision_is_thresholded_in_float32() -> None:
    x = torch.randn(1, 3, 8, 8) * 3
    assert dynamic_threshold(x.half()).dtype == torch.float16
    assert torch.allclose(dynamic_threshold(x.half()).float(), dynamic_threshold(x), atol=2e-3)


def test_methods_by_name() -> None:
    x = torch.tensor([[[[-3.0, 0.5, 2.0]]]])
    assert threshold(x, "none") is x
    assert torch.equal(threshold(x, "static"), static_threshold(x))
    with pytest.raises(ValueError, match="unknown thresholding"):
        threshold(x, "median")
    with pytest.raises(ValueError, match="percentile"):
        dynamic_threshold(x, 0)
    with pytest.raises(ValueError, match="threshold_cap must be a finite number >= 1"):
        dynamic_threshold(x, 99.5, 0.9)


@given(st.integers(0, 2**31), st.floats(1, 100), st.floats(1, 4))
def test_a_cap_bounds_s_and_never_pushes_it_below_one(seed: int, percentile: float, cap: float) -> None:
    x = 3 * torch.randn((2, 3, 5, 5), generator=torch.Generator().manual_seed(seed))
    capped, free = dynamic_threshold(x, percentile, cap), dynamic_threshold(x, percentile)
    assert float(capped.abs().max()) <= 1
    for i in range(2):
        s = float(x[i].abs().flatten().sort().values[math.ceil(percentile / 100 * 75) - 1])
        if s <= cap:
            assert torch.equal(capped[i], free[i])
        else:
            assert torch.allclose(capped[i], x[i].clamp(-cap, cap) / cap)


def test_a_cap_of_one_is_static_thresholding_and_none_is_the_default() -> None:
    x = 3 * torch.randn(2, 3, 8, 8)
    assert torch.equal(dynamic_threshold(x, 99.5, 1.0), static_threshold(x))
    assert torch.equal(threshold(x, "dynamic"), dynamic_threshold(x, 99.5, None))
    assert not torch.equal(threshold(x, "dynamic"), static_threshold(x))
