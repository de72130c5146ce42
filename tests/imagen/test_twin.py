import pytest

from imagen.presets import load_preset, preset_names
from imagen.twin import twin_stage, twin_unet
from imagen.unet import build_unet


@pytest.mark.parametrize("name", preset_names())
def test_a_twin_has_the_same_modules_and_few_parameters(name: str) -> None:
    for stage in load_preset(name).values():
        twin = twin_stage(stage, 32)
        few = build_unet(twin.unet)
        assert sum(p.numel() for p in few.parameters()) < 4e6
        assert twin.unet.blocks == stage.unet.blocks
        assert twin.unet.attention == stage.unet.attention
        assert (twin.size, twin.schedule, twin.prediction) == (stage.size, stage.schedule, stage.prediction)


def test_heads_keep_their_number() -> None:
    config = load_preset("paper-sr256-600m")[256].unet
    twin = twin_unet(config)
    assert twin.channels == (16, 16, 32, 64)
    assert twin.channels[-1] * twin.attention_width // twin.head_dim == 8


def test_divided_by_one_it_is_the_network_itself() -> None:
    config = load_preset("paper-base-2b")[64].unet
    assert twin_unet(config, 1) == config
    with pytest.raises(ValueError, match="divided by 1 or more"):
        twin_unet(config, 0)
