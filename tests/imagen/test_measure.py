from dataclasses import replace
from typing import Any

import pytest
import torch

from imagen.measure import PeakMemory, measure, parameter_shares
from imagen.presets import load_preset
from imagen.unet import UNetConfig, build_unet

TINY = UNetConfig(
    1, (16, 32), (1, 1), ("none", "self"), embed_dim=32, text_dim=8, text_width=32, text_layers=0
)


@pytest.mark.parametrize(
    ("preset", "parameters"),
    [
        ("paper-base-2b", 2e9),
        ("paper-sr256-600m", 600e6),
        ("paper-sr1024-400m", 400e6),
        ("base-300m", 300e6),
        ("base-500m", 500e6),
        ("base-1b", 1e9),
    ],
)
def test_presets_have_the_sizes_of_the_paper(preset: str, parameters: float) -> None:
    """Within 10% (sections 4.1 and D.3)."""
    (stage,) = load_preset(preset).values()
    with torch.device("meta"):
        unet = build_unet(stage.unet)
    assert sum(parameter_shares(unet).values()) == pytest.approx(parameters, rel=0.1)


def test_imagen_minis_base_fits_a_laptop() -> None:
    assert measure(load_preset("mini")[64].unet, 64).step_flops <= 1e9


@pytest.mark.parametrize("kind", ["efficient", "plain"])
def test_shares_count_every_parameter_once(kind: str) -> None:
    config = replace(TINY, kind=kind, lowres=True)  # type: ignore[arg-type]
    shares = parameter_shares(build_unet(config))
    assert sum(shares.values()) == sum(p.numel() for p in build_unet(config).parameters())
    assert min(shares.values()) > 0
    without = parameter_shares(build_unet(replace(config, attention=("none", "none"))))
    assert without["attention"] == 0
    assert without["convolutions"] == shares["convolutions"]


def test_flops_are_those_of_the_layers() -> None:
    """One level without attention: two convolutions a block, the stem and the head, and small layers."""
    config = UNetConfig(1, (16,), (1,), ("none",), embed_dim=8, text_dim=8, text_width=8, text_layers=0)
    positions, linear = 32 * 32, 2 * (64 * 8 + 8 * 8) + 2 * 2 * (8 * 32)
    convolutions = 2 * 9 * positions * (3 * 16 + 2 * 2 * 16 * 16 + 16 * 3)
    assert measure(config, 32).step_flops == pytest.approx(convolutions + linear, rel=1e-3)
    assert measure(config, 64).step_flops == pytest.approx(4 * convolutions, rel=1e-3)


def test_peak_memory_is_what_is_alive_at_once() -> None:
    with PeakMemory() as memory:
        a = torch.ones(1000)
        b = a + 1
        del a
        c = b.view(10, 100) * 2  # a view takes nothing; a is gone before c comes
        del b, c
        torch.ones(500)
    assert memory.peak == 2 * 1000 * 4


def test_peak_memory_of_a_network_grows_with_the_picture_not_with_depth() -> None:
    peak = measure(TINY, 32).peak_values
    assert measure(TINY, 64).peak_values == pytest.approx(4 * peak, rel=0.2)
    assert measure(replace(TINY, blocks=(3, 3)), 32).peak_values == pytest.approx(peak, rel=0.1)
    assert 2 * 16 * 32 * 32 <= peak <= 8 * 16 * 32 * 32


def test_attention_is_counted_as_fused_kernels_run_it() -> None:
    """Its arithmetic is counted, its matrix of positions by positions is not in memory."""
    level: dict[str, Any] = {
        "channels": (16,),
        "blocks": (1,),
        "embed_dim": 8,
        "text_dim": 8,
        "text_width": 8,
    }
    with_it, without = (
        measure(UNetConfig(1, attention=(kind,), text_layers=0, **level), 64) for kind in ("self", "none")
    )
    assert with_it.step_flops - without.step_flops > 2 * 2 * 2 * 16 * 4096**2
    assert with_it.peak_values < 4096**2 / 4
