"""What the tests of other codes' known bugs share: small real networks, pictures and their ledgers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from drawbench.types import Prompt
from harness.metrics import find_metric
from harness.metrics.base import Estimate, Inputs, ReferenceFeatures, SetMetric
from harness.rows import Rows, Vectors, as_rows
from harness.types import Sample

open_clip = pytest.importorskip("open_clip")

FidOf = Callable[..., Estimate]
MakeSamples = Callable[[Sequence[np.ndarray]], tuple[Path, list[Sample], dict[str, Prompt]]]


@pytest.fixture(autouse=True)
def machine_without_big_weights(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what packages bring, whatever the machine's caches hold; features are kept between the tests."""
    base = tmp_path_factory.getbasetemp()
    for name in ("HOME", "TORCH_HOME", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(base / "no-home"))
    for name in ("HF_HUB_CACHE", "DRAWBENCH_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(base))
    monkeypatch.setenv("DRAWBENCH_CACHE", str(base / "known-bugs-cache"))


@dataclass(frozen=True)
class TinyClip:
    """A small random CLIP with QuickGELU, in a folder that open_clip can load and by itself."""

    folder: Path
    weights: Path
    network: Any
    tokenizer: Any

    @property
    def name(self) -> str:
        """What `ScorePlan.clip_model` calls it."""
        return f"local-dir:{self.folder}"


@pytest.fixture(scope="session")
def tiny_clip(tmp_path_factory: pytest.TempPathFactory) -> TinyClip:
    from safetensors.torch import save_file

    config = {
        "embed_dim": 16,
        "quick_gelu": True,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 1},
    }
    folder = tmp_path_factory.mktemp("tiny-clip")
    torch.manual_seed(0)
    network = open_clip.CLIP(
        config["embed_dim"], config["vision_cfg"], config["text_cfg"], quick_gelu=True
    ).eval()
    with torch.no_grad():  # larger weights, so that another activation gives clearly different vectors
        for block in [*network.visual.transformer.resblocks, *network.transformer.resblocks]:
            block.mlp.c_fc.weight.mul_(2)
            block.mlp.c_proj.weight.mul_(1000)
        network.visual.proj.neg_()  # as it came, every cosine was below 0, where scores are cut
    save_file(network.state_dict(), folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
    return TinyClip(
        folder, folder / "open_clip_model.safetensors", network, open_clip.get_tokenizer("ViT-B-32")
    )


class _Window(torch.nn.Module):
    """Layers that give 2048 of the pixels they see, so that features show what a network is fed."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, 1, 100:164, 130:162].flatten(1)


class _Archive(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = _Window()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


@pytest.fixture(scope="session")
def window_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive under the name of Inception's whose features are `seen_through_window` of its input."""
    path = tmp_path_factory.mktemp("window") / "inception-2015-12-05.pt"
    torch.jit.script(_Archive()).save(path)
    return path


def seen_through_window(pixels: np.ndarray) -> np.ndarray:
    """Of a resized picture (299, 299, 3), values 0..255, the 2048 numbers that `window_weights` gives."""
    return (pixels[100:164, 130:162, 1].ravel() - 128) / 128


@pytest.fixture
def make_samples(tmp_path: Path) -> MakeSamples:
    """Writes pictures as PNG and gives their folder, ledger and prompts, one picture a prompt."""

    def make(pictures: Sequence[np.ndarray]) -> tuple[Path, list[Sample], dict[str, Prompt]]:
        folder = tmp_path / f"run-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        samples, prompts = [], {}
        for i, picture in enumerate(pictures):
            path = folder / f"{i}.png"
            Image.fromarray(picture).save(path)
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            samples.append(Sample(f"k{i}", f"p{i}", 0, i, "ok", path=path.name, sha256=sha256))
            prompts[f"p{i}"] = Prompt(f"p{i}", f"a picture of {i} cats", ("Colors", "Counting")[i % 2])
        return folder, samples, prompts

    return make


@pytest.fixture
def fid_of() -> FidOf:
    """The metric `fid` over features (n, d) against reference features, both given."""

    def fid(generated: np.ndarray, reference: np.ndarray) -> Estimate:
        metric = find_metric("fid")
        assert isinstance(metric, SetMetric)
        rows = (as_rows(features.astype(np.float32)) for features in (generated, reference))
        return metric.whole_set(inputs_of_rows(*rows))

    return fid


def inputs_of_rows(generated: Rows, reference: Rows | None = None, extractor: str = "inception") -> Inputs:
    """What a set metric looks at, one picture a prompt."""

    def embed(name: str, texts: object) -> Vectors:
        raise AssertionError("no text is asked for")

    known = None
    if reference is not None:
        known = ReferenceFeatures("pictures:0", len(reference), {extractor: reference})
    return Inputs(
        features={extractor: generated},
        captions=[""] * len(generated),
        clusters=np.arange(len(generated), dtype=np.intp),
        identities={extractor: "x"},
        embed=embed,
        reference=known,
    )


def noise(seed: int, *shapes: tuple[int, int]) -> list[np.ndarray]:
    """Random RGB pictures of these (height, width)."""
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in shapes]
