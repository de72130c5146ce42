"""What holds for every U-Net: both kinds, the paper's variants, and all three ways of conditioning."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from imagen.unet import EfficientUNet, PlainUNet, UNet, UNetConfig, build_unet

MINI = UNetConfig(
    2, (16, 32), (1, 2), ("none", "self"), embed_dim=32, text_dim=8, text_width=32, text_layers=1
)
PAPER_SR = replace(
    MINI, patch=1, lowres=True, attention_after="block", attention_width=2, up_kernel=3, stem_stride=2
)
SHAPES = {
    "mini": MINI,
    "mini with places": replace(MINI, grid=8),
    "mini super-resolution": replace(MINI, patch=4, lowres=True, attention=("none", "cross")),
    "paper super-resolution": PAPER_SR,
    "paper base": replace(MINI, patch=1, kind="plain"),
    "plain super-resolution": replace(MINI, patch=1, kind="plain", lowres=True),
}
every_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
SIDE = 16


def made(config: UNetConfig) -> UNet:
    """Random values everywhere, as after training."""
    torch.manual_seed(0)
    unet = build_unet(config)
    unet.requires_grad_(False)
    for parameter in unet.parameters():
        parameter.add_(torch.randn_like(parameter), alpha=0.2)
    return unet


def inputs(config: UNetConfig, rows: int = 2, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(dtype)

    given = {"z": normal(rows, 3, SIDE, SIDE), "log_snr": torch.linspace(-4, 4, rows)}
    given |= {"states": normal(rows, 5, 8), "mask": torch.ones(rows, 5).bool()}
    if config.lowres:
        given |= {"lowres": normal(rows, 3, SIDE, SIDE), "aug_log_snr": torch.linspace(1, 5, rows)}
    return given


def predict(unet: UNet, given: dict[str, Tensor], in_patches: bool = False) -> Tensor:
    rest = {name: value for name, value in given.items() if name != "states"}
    tokens, pooled = unet.encode_text(given["states"], given["mask"])
    out: Tensor = unet(**rest, tokens=tokens, pooled=pooled, in_patches=in_patches)
    return out


def differs(a: Tensor, b: Tensor) -> bool:
    return float((a - b).norm() / a.norm()) > 1e-3


@every_shape
def test_a_fresh_network_predicts_three_channels_of_zero(shape: UNetConfig) -> None:
    """Three, not six: the variance is the sampler's, and no channel of it can be guided by mistake."""
    given = inputs(shape)
    out = predict(build_unet(shape), given)
    assert out.shape == given["z"].shape == (2, 3, SIDE, SIDE)
    assert not out.any()


@every_shape
@pytest.mark.parametrize("conditioning", ["mean", "attention", "cross"])
def test_the_prompt_changes_the_picture(shape: UNetConfig, conditioning: Any) -> None:
    unet, given = made(replace(shape, conditioning=conditioning)), inputs(shape)
    assert differs(predict(unet, given), predict(unet, {**given, "states": given["states"].flip(0)}))


@every_shape
@pytest.mark.parametrize("conditioning", ["mean", "attention", "cross"])
def test_tokens_are_read_by_cross_attention_alone(shape: UNetConfig, conditioning: Any) -> None:
    unet, given = made(replace(shape, conditioning=conditioning)), inputs(shape)
    tokens, pooled = unet.encode_text(given.pop("states"), given["mask"])
    one, other = (unet(**given, tokens=some, pooled=pooled) for some in (tokens, tokens.flip(0)))
    assert differs(one, other) == (conditioning == "cross")
    assert differs(one, unet(**given, tokens=tokens, pooled=pooled.flip(0)))


@every_shape
@pytest.mark.parametrize("conditioning", ["mean", "attention", "cross"])
def test_garbage_in_pads_changes_nothing(shape: UNetConfig, conditioning: Any) -> None:
    unet, given = made(replace(shape, conditioning=conditioning)), inputs(shape)
    given["mask"] = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]]).bool()
    spoilt = given["states"].masked_fill(~given["mask"][..., None], float("nan"))
    assert torch.equal(predict(unet, given), predict(unet, {**given, "states": spoilt}))


@every_shape
@pytest.mark.parametrize("conditioning", ["mean", "attention", "cross"])
def test_a_fully_masked_row_is_the_null_text_and_no_nan(shape: UNetConfig, conditioning: Any) -> None:
    unet, given = made(replace(shape, conditioning=conditioning)), inputs(shape, rows=1)
    null = predict(unet, {**given, "states": torch.zeros(1, 1, 8), "mask": torch.ones(1, 1).bool()})
    masked = predict(unet, {**given, "mask": torch.zeros(1, 5).bool()})
    assert bool(null.isfinite().all())
    assert torch.allclose(masked, null, atol=1e-4 * float(null.abs().max()))


@every_shape
def test_rows_do_not_see_one_another(shape: UNetConfig) -> None:
    unet, given = made(shape), inputs(shape, rows=3)
    together = predict(unet, given)
    alone = predict(unet, {name: value[1:2] for name, value in given.items()})
    assert torch.allclose(together[1:2], alone, atol=1e-4 * float(alone.abs().max()))


@every_shape
def test_the_noise_level_is_heard(shape: UNetConfig) -> None:
    unet, given = made(shape), inputs(shape)
    assert differs(predict(unet, given), predict(unet, {**given, "log_snr": given["log_snr"] + 0.5}))


@every_shape
def test_the_low_resolution_picture_and_its_level_are_heard_and_needed(shape: UNetConfig) -> None:
    unet, given = made(shape), inputs(shape)
    if not shape.lowres:
        assert unet.aug is None
        return
    out = predict(unet, given)
    assert differs(out, predict(unet, {**given, "lowres": -given["lowres"]}))
    assert differs(out, predict(unet, {**given, "aug_log_snr": given["aug_log_snr"] + 1}))
    del given["aug_log_snr"]
    with pytest.raises(ValueError, match="needs lowres and aug_log_snr"):
        predict(unet, given)


@every_shape
def test_the_callers_tensors_are_left_alone(shape: UNetConfig) -> None:
    unet, given = made(shape), inputs(shape)
    before = {name: value.clone() for name, value in given.items()}
    first = predict(unet, given)
    assert all(torch.equal(given[name], before[name]) for name in given)
    assert torch.equal(predict(unet, given), first)


@every_shape
def test_half_precision_agrees_with_full(shape: UNetConfig) -> None:
    unet, given = made(shape), inputs(shape)
    expected = predict(unet, given)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = predict(unet, given).float()
    halved = predict(unet.to(torch.bfloat16), inputs(shape, dtype=torch.bfloat16))
    assert halved.dtype == torch.bfloat16
    for out in (mixed, halved.float()):
        assert float((out - expected).norm() / expected.norm()) < 0.1


@every_shape
def test_a_picture_that_does_not_fit_is_refused(shape: UNetConfig) -> None:
    given = inputs(shape)
    given["z"] = torch.zeros(2, 3, SIDE + 1, SIDE + 1)
    with pytest.raises(ValueError, match=f"multiples of {shape.stride}, not"):
        predict(build_unet(shape), given)


@every_shape
def test_patches_give_the_same_numbers_as_pictures(shape: UNetConfig) -> None:
    unet, given = made(shape), inputs(shape)
    patched = dict(given)
    for name in ("z", "lowres"):
        if name in patched:
            patched[name] = unet.to_patches(patched[name])
    assert torch.equal(unet.from_patches(predict(unet, patched, in_patches=True)), predict(unet, given))
    assert torch.equal(unet.from_patches(unet.to_patches(given["z"])), given["z"])


def test_pictures_need_not_be_square_or_of_the_training_size() -> None:
    for shape in (MINI, PAPER_SR, SHAPES["plain super-resolution"]):
        given = inputs(shape)
        for name in {"z", "lowres"} & given.keys():
            given[name] = torch.randn(2, 3, 8, 24)
        assert predict(build_unet(shape), given).shape == (2, 3, 8, 24)


def test_the_kind_decides_the_class() -> None:
    assert isinstance(build_unet(MINI), EfficientUNet)
    assert isinstance(build_unet(SHAPES["paper base"]), PlainUNet)
    with pytest.raises(ValueError, match="kind plain, not efficient"):
        EfficientUNet(SHAPES["paper base"])
    with pytest.raises(ValueError, match="kind efficient, not plain"):
        PlainUNet(MINI)
