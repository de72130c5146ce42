"""CMMD's view of a picture, on a small random CLIP."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.extractors.base import ImageExtractor, Setting
from harness.extractors.clip import Clip
from harness.extractors.cmmd_clip import MODEL, NAME, as_cmmd_sees, missing, preprocess

open_clip = pytest.importorskip("open_clip")
import torch  # noqa: E402


@pytest.fixture(scope="module")
def clip() -> Clip:
    torch.manual_seed(0)
    network = open_clip.model.CLIP(
        embed_dim=16,
        vision_cfg={"image_size": 42, "layers": 1, "width": 64, "patch_size": 14},
        text_cfg={"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 1},
        quick_gelu=True,
    )
    transform = open_clip.image_transform(42, is_train=False)
    return Clip("tiny-quickgelu/random", network, transform, open_clip.get_tokenizer("ViT-B-32"))


def _picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height + width).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_squares_look_as_open_clip_shows_them(clip: Clip) -> None:
    """The same filter, mean and deviation: only what is no square differs."""
    theirs = open_clip.image_transform(336, is_train=False)
    picture = Image.fromarray(_picture(500, 500))
    ours = preprocess(picture)
    assert ours.shape == (3, 336, 336)
    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours, theirs(picture), atol=1e-5, rtol=0)
    seen = as_cmmd_sees(clip)
    np.testing.assert_allclose(
        seen.extract_images([_picture(90, 90)]), clip.extract_images([_picture(90, 90)]), atol=1e-5
    )


def test_a_picture_is_cut_before_it_is_resized(clip: Clip) -> None:
    wide = _picture(300, 451)
    middle = np.ascontiguousarray(wide[:, 75:375])
    ours = preprocess(Image.fromarray(wide))
    torch.testing.assert_close(ours, preprocess(Image.fromarray(middle)), atol=0, rtol=0)
    tall = np.ascontiguousarray(wide.transpose(1, 0, 2))
    upright = preprocess(Image.fromarray(tall))
    torch.testing.assert_close(upright, preprocess(Image.fromarray(tall[75:375])), atol=0, rtol=0)
    theirs = open_clip.image_transform(336, is_train=False)(Image.fromarray(wide))
    assert (ours - theirs).abs().max() > 0.1


def test_embeddings_have_unit_length_and_another_identity(clip: Clip) -> None:
    seen = as_cmmd_sees(clip)
    assert isinstance(seen, ImageExtractor)
    assert seen.name == NAME == "clip_l14_336"
    assert clip.name == "clip"
    assert seen.identity == "tiny-quickgelu/random|crop-bicubic42"
    vectors = seen.extract_images([_picture(64, 64), _picture(50, 90)])
    assert vectors.shape == (2, 16)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def test_it_needs_the_one_network_whatever_clip_scores_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HOME", "DRAWBENCH_CACHE", "HF_HOME", "TORCH_HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    assert MODEL == "ViT-L-14-336-quickgelu/openai"
    setting = Setting(clip_model="ViT-B/32")
    assert [asset.id for asset in missing.assets(setting)] == ["clip-ViT-L-14-336-openai"]
    assert "ViT-L-14-336px.pt" in str(missing(setting))
