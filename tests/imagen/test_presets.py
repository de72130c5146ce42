"""The data files: what the paper's text fixes is in them, and their twins train and sample."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from imagen import presets
from imagen.lowres import aug_log_snr, condition, shrink, to_signed
from imagen.presets import StageConfig, load_preset, preset_names, preset_text_encoder
from imagen.schedule import SCHEDULES, diffuse, to_x0
from imagen.stage import Stage, StageSettings
from imagen.text import TokenStates
from imagen.twin import twin_stage
from imagen.unet import build_unet

PAPER = {64: "paper-base-2b", 256: "paper-sr256-600m", 1024: "paper-sr1024-400m"}
STAGES = [(name, size) for name in preset_names() if name != "paper" for size in load_preset(name)]


def test_the_papers_cascade_is_its_three_stages() -> None:
    cascade = load_preset("paper")
    assert list(cascade) == [64, 256, 1024]
    for size, name in PAPER.items():
        assert load_preset(name) == {size: cascade[size]}
        assert preset_text_encoder(name) == preset_text_encoder("paper")
    assert preset_text_encoder("mini") == "minilm"


def test_what_the_paper_fixes_is_in_the_presets() -> None:
    """Appendix F: schedules, prediction, levels, and where there is attention."""
    base, middle, last = load_preset("paper").values()
    assert [s.schedule for s in (base, middle, last)] == ["cosine", "cosine", "linear"]
    assert {s.prediction for s in (base, middle, last)} == {"eps"}
    assert {s.thresholding for s in (base, middle, last)} == {"dynamic"}
    assert base.unet.channels == tuple(512 * multiplier for multiplier in (1, 2, 3, 4))
    assert base.unet.blocks == (3, 3, 3, 3)
    assert base.unet.attention == ("none", "self", "self", "self")
    assert base.unet.head_dim == 64
    for stage, kind in ((middle, "self"), (last, "cross")):
        assert stage.unet.channels == (128, 256, 512, 1024)
        assert stage.unet.blocks == (2, 4, 8, 8)
        assert stage.unet.attention == ("none", "none", "none", kind)
        assert stage.unet.lowres
        hidden = stage.unet.channels[-1] * stage.unet.attention_width
        assert hidden // stage.unet.head_dim == 8
        assert 0.1 < stage.aug_sigma / (1 + stage.aug_sigma**2) ** 0.5 < 0.5
    assert {s.unet.conditioning for s in (base, middle, last)} == {"cross"}


def test_the_ablations_of_size_differ_in_channels_alone() -> None:
    base = load_preset("paper-base-2b")[64]
    for name in ("base-300m", "base-500m", "base-1b"):
        stage = load_preset(name)[64]
        unet = replace(stage.unet, channels=base.unet.channels, embed_dim=base.unet.embed_dim)
        assert replace(stage, unet=unet) == base
        assert stage.unet.channels[0] < base.unet.channels[0]


@pytest.fixture(params=STAGES, ids=lambda stage: f"{stage[0]}-{stage[1]}")
def twin(request: pytest.FixtureRequest) -> StageConfig:
    """A stage's twin for small pictures, as a super-resolution stage is trained on crops (section 2.5)."""
    name, size = request.param
    stage = twin_stage(load_preset(name)[size])
    return stage if stage.unet.grid else replace(stage, size=32)


def test_a_presets_twin_trains(twin: StageConfig) -> None:
    """The loss falls, and every parameter gets a finite gradient."""
    torch.manual_seed(0)
    unet, side = build_unet(twin.unet), twin.size
    pictures = torch.randint(0, 256, (2, 3, side, side), dtype=torch.uint8)
    x0, noise = to_signed(pictures), torch.randn(2, 3, side, side)
    log_snr = SCHEDULES[twin.schedule](torch.tensor([0.3, 0.7]))
    lowres = {}
    if twin.unet.lowres:
        aug_sigma = torch.tensor([0.1, 0.3])
        small = shrink(pictures, 4)
        lowres["lowres"] = condition(small, torch.randn(small.shape), aug_sigma, side)
        lowres["aug_log_snr"] = aug_log_snr(aug_sigma)
    states, mask = torch.randn(2, 5, twin.unet.text_dim), torch.tensor([[1] * 5, [1] + [0] * 4]).bool()
    z = diffuse(x0, noise, log_snr)

    def loss() -> torch.Tensor:
        tokens, pooled = unet.encode_text(states, mask)
        raw = unet(z, log_snr, tokens, pooled, mask, **lowres)
        return (to_x0(raw, z, log_snr, twin.prediction) - x0).square().mean()

    before = loss()
    before.backward()
    torch.optim.AdamW(unet.parameters(), 1e-4).step()
    with torch.no_grad():
        assert float(loss()) < float(before.detach())
        # zero initialisation lets no gradient through to what is before it
        for parameter in unet.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.05)
    unet.zero_grad()
    loss().backward()
    for name, parameter in unet.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.isfinite().all()), name
        if name != "text.pool_score.bias":  # a softmax does not feel what is added to all its scores
            assert bool(parameter.grad.any()), name


def test_a_presets_twin_samples(twin: StageConfig) -> None:
    torch.manual_seed(0)
    stage = Stage(twin, build_unet(twin.unet).eval(), "cpu", torch.float32)
    small = (
        torch.randint(0, 256, (1, 3, twin.size // 4, twin.size // 4), dtype=torch.uint8)
        if twin.unet.lowres
        else None
    )
    settings = StageSettings(2.0, 2, twin.aug_sigma, twin.thresholding)
    out = stage.sample(TokenStates(torch.randn(4, twin.unet.text_dim), 0), 0, settings, small)
    assert out.shape == (1, 3, twin.size, twin.size)
    assert bool(out.isfinite().all())
    assert float(out.abs().max()) <= 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "has no stages"),
        ("[stage.8]\nsize = 8\n", "malformed: 'unet'"),
        ("[stage.8]\nsize = 8\n[stage.8.unet]\npatch = 1\n", "incomplete"),
        ("[stage.8]\nsize = 8\n[stage.8.unet]\npatches = 1\n", "has no patches"),
        ('include = ["nowhere"]\n', "unknown preset 'nowhere'"),
    ],
)
def test_a_malformed_preset_is_refused(
    text: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.toml").write_text(text)
    monkeypatch.setattr(presets, "files", lambda _package: tmp_path)
    with pytest.raises(ValueError, match=reason):
        load_preset("own")
