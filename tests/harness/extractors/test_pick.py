"""PickScore's network: a small random CLIPModel loaded by the real code, beside transformers' own numbers."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from drawbench.errors import InputError
from drawbench.types import Prompt
from harness.extractors.base import ImageExtractor, Setting, TextExtractor
from harness.extractors.pick import PROCESSOR, build, missing
from harness.score import score_samples
from harness.score_plan import ScorePlan
from harness.types import Sample
from harness.weights import WeightsPolicy

CAPTIONS = ["a photo of a cat", "Two red cars, side by side."]


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "HF_HOME", "XDG_CACHE_HOME", "DRAWBENCH_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for name in ("HF_HUB_CACHE", "DRAWBENCH_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)


def _pictures() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, shape, dtype=np.uint8) for shape in ((32, 32, 3), (50, 90, 3))]


def _transformers_own(folder: Path, pictures: list[np.ndarray], captions: list[str]) -> np.ndarray:
    """The score as PickScore's authors define it, every picture with its caption."""
    import torch
    from transformers import CLIPModel, CLIPProcessor

    network, processor = CLIPModel.from_pretrained(folder).eval(), CLIPProcessor.from_pretrained(folder)
    inputs = processor(
        text=captions,
        images=[Image.fromarray(picture) for picture in pictures],
        padding=True,
        truncation=True,
        max_length=77,
        return_tensors="pt",
    )
    with torch.inference_mode():
        return np.diagonal(network(**inputs).logits_per_image.numpy())


def test_the_product_of_its_vectors_is_transformers_own_score(tiny_clip: Any) -> None:
    pick = build(Setting(pick_model=str(tiny_clip.transformers)))
    assert isinstance(pick, ImageExtractor)
    assert isinstance(pick, TextExtractor)
    pictures, captions = _pictures(), [CAPTIONS[0], "x " * 100]
    vectors, texts = pick.extract_images(pictures), pick.extract_texts(captions)
    assert vectors.dtype == texts.dtype == np.float32
    assert vectors.shape == texts.shape == (2, pick.dim)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)
    expected = _transformers_own(tiny_clip.transformers, pictures, captions)
    np.testing.assert_allclose((vectors * texts).sum(1), expected, atol=2e-5)
    assert pick.extract_images([]).shape == pick.extract_texts([]).shape == (0, 16)
    assert pick.is_truncated(captions[1])
    assert not pick.is_truncated("x " * 75)


def test_neighbours_and_order_change_no_digit(tiny_clip: Any) -> None:
    pick = build(Setting(pick_model=str(tiny_clip.transformers)))
    pictures = _pictures()
    np.testing.assert_array_equal(
        pick.extract_images(pictures[::-1])[::-1],
        np.concatenate([pick.extract_images([p]) for p in pictures]),
    )
    np.testing.assert_array_equal(
        pick.extract_texts(CAPTIONS[::-1])[::-1], np.concatenate([pick.extract_texts([t]) for t in CAPTIONS])
    )


def test_a_run_is_scored_end_to_end_and_the_scale_is_named(tiny_clip: Any, tmp_path: Path) -> None:
    prompts = {f"p{i}": Prompt(f"p{i}", text) for i, text in enumerate(CAPTIONS)}
    samples = []
    for i, picture in enumerate(_pictures()):
        path = tmp_path / f"{i}.png"
        Image.fromarray(picture).save(path)
        samples.append(
            Sample(f"k{i}", f"p{i}", 0, 0, "ok", path.name, hashlib.sha256(path.read_bytes()).hexdigest())
        )
    plan = ScorePlan(metrics=("pick_score",), pick_model=str(tiny_clip.transformers))
    result = score_samples(samples, prompts, tmp_path, plan)
    expected = _transformers_own(tiny_clip.transformers, _pictures(), CAPTIONS)
    assert [row.value for row in result.per_sample] == pytest.approx(expected.tolist(), abs=2e-5)
    identity = result.scores[0].identity
    assert identity.startswith("pick_score[hf@sha256:")
    assert identity.endswith("|scale14.2849|fp32|logit-scale-kept|eos-kept|png]")


def test_the_preprocessing_may_lie_in_a_folder_of_its_own(tiny_clip: Any, tmp_path: Path) -> None:
    """PickScore takes its tokenizer and the size of pictures from LAION's H/14, wherever that lies."""
    weights = tmp_path / "weights"
    network, laion = weights / "net", weights / PROCESSOR.rpartition("/")[2]
    network.mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):
        shutil.copy(tiny_clip.transformers / name, network / name)
    setting = Setting(WeightsPolicy(weights), pick_model="someone/net")
    assert f"PickScore's preprocessing {PROCESSOR} is not on this machine" in str(missing(setting))
    shutil.copytree(tiny_clip.transformers, laion)
    assert missing(setting) is None
    beside = build(setting)
    whole = build(Setting(pick_model=str(tiny_clip.transformers)))
    np.testing.assert_array_equal(beside.extract_texts(CAPTIONS), whole.extract_texts(CAPTIONS))
    assert beside.identity != whole.identity


def test_mistakes_are_one_clear_line(tiny_clip: Any, tmp_path: Path) -> None:
    default = missing(Setting())
    assert default is not None
    assert default.startswith("PickScore's network yuvalkirstain/PickScore_v1 is not on this machine")
    assert "--download" in default
    assert "--with pick=FOLDER" in default
    assert "needs a folder with config.json" in str(missing(Setting(pick_model=str(tmp_path))))
    rotten = tmp_path / "rotten"
    shutil.copytree(tiny_clip.transformers, rotten)
    (rotten / "model.safetensors").write_bytes(b"rotten")
    with pytest.raises(InputError, match=r"PickScore's network .*rotten cannot be loaded: ") as caught:
        build(Setting(pick_model=str(rotten)))
    assert "\n" not in str(caught.value)


def test_weights_that_lack_a_part_are_refused_and_not_made_up(tiny_clip: Any, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    half = tmp_path / "half"
    shutil.copytree(tiny_clip.transformers, half)
    state = load_file(half / "model.safetensors")
    del state["visual_projection.weight"]
    save_file(state, half / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"lack 1 of a CLIPModel's .*visual_projection"):
        build(Setting(pick_model=str(half)))
    (half / "config.json").write_text(json.dumps({"model_type": "clip", "projection_dim": 16}))
    with pytest.raises(InputError, match="cannot be loaded"):
        build(Setting(pick_model=str(half)))
