from typing import Any

import pytest

from imagen.unet_config import UNetConfig

LEVELS: dict[str, Any] = {"channels": (16, 32), "blocks": (1, 1), "attention": ("none", "self")}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"blocks": (1,)}, "one entry per level"),
        ({"channels": (), "blocks": (), "attention": ()}, "one entry per level"),
        ({"attention": ("none", "both")}, "none, self, cross, self\\+cross, got"),
        ({"kind": "huge"}, "kind must be one of efficient, plain"),
        ({"conditioning": "max"}, "conditioning must be one of mean, attention, cross"),
        ({"attention_after": "step"}, "attention_after must be one of level, block"),
        ({"embed_dim": 0}, "look at embed_dim"),
        ({"blocks": (1, 0)}, "look at its levels"),
        ({"text_layers": -1}, "must be positive"),
        ({"up_kernel": 2}, "up_kernel must be 1 or 3"),
        ({"stem_stride": 4}, "stem_stride must be 1 or 2"),
        ({"cross_head_dim": -1}, "must be positive"),
        ({"attention": ("none", "self+cross"), "attention_after": "block"}, "one attention a level"),
        ({"attention": ("none", "self+cross"), "kind": "plain"}, "one attention a level"),
        ({"grid": 3}, "grid 3 cannot be halved 1 times"),
        ({"kind": "plain", "grid": 8, "up_kernel": 3}, "a plain U-Net has no up_kernel, grid"),
    ],
)
def test_a_shape_that_cannot_be_is_refused(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        UNetConfig(2, **{**LEVELS, **change})


def test_a_description_survives_a_file() -> None:
    config = UNetConfig(2, **LEVELS, grid=8, conditioning="mean")
    described = config.to_dict()
    assert UNetConfig.from_dict(described) == config
    assert (
        UNetConfig.from_dict({k: list(v) if isinstance(v, tuple) else v for k, v in described.items()})
        == config
    )
    with pytest.raises(ValueError, match="has no depth"):
        UNetConfig.from_dict({**described, "depth": 3})
    with pytest.raises(ValueError, match=r"incomplete.*patch"):
        UNetConfig.from_dict({k: list(v) for k, v in LEVELS.items()})


def test_the_ablations_conditioning_decides_about_attention() -> None:
    """Appendix D.3.1: without cross attention no level reads the tokens."""
    levels: dict[str, Any] = {
        "channels": (16,) * 3,
        "blocks": (1,) * 3,
        "attention": ("none", "self", "cross"),
    }
    for conditioning, expected in (
        ("cross", ["none", "self", "cross"]),
        ("attention", ["none", "self", "none"]),
        ("mean", ["none", "self", "none"]),
    ):
        config = UNetConfig(1, **levels, conditioning=conditioning)  # type: ignore[arg-type]
        assert [config.attention_at(level) for level in range(3)] == expected


def test_stride_is_the_side_of_the_smallest_picture() -> None:
    assert UNetConfig(4, **LEVELS, stem_stride=2).stride == 16
    assert UNetConfig(1, (16,), (1,), ("none",)).stride == 1
