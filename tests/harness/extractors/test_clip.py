"""CLIP through open_clip: a small random network, saved and loaded in every way that users have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from drawbench.errors import InputError
from harness.extractors.base import ImageExtractor, Setting, TextExtractor
from harness.extractors.clip import Clip, ClipName, build, clip_asset, missing
from harness.weights import WeightsPolicy

CONFIG = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 1},
}
open_clip = pytest.importorskip("open_clip")
import torch  # noqa: E402


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """One QuickGELU network as a state dict, as OpenAI's kind of archive and as a folder with its config."""
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("clip")
    configs = folder / "configs"
    configs.mkdir()
    (configs / "tiny.json").write_text(json.dumps(CONFIG))
    (configs / "tiny-quickgelu.json").write_text(json.dumps({**CONFIG, "quick_gelu": True}))
    (configs / "lonely.json").write_text(json.dumps(CONFIG))
    (configs / "wider.json").write_text(json.dumps({**CONFIG, "embed_dim": 32}))
    open_clip.add_model_config(configs)
    torch.manual_seed(0)
    network = open_clip.create_model("tiny-quickgelu")
    with torch.no_grad():  # larger weights, so that the two activations give clearly different vectors
        for block in [*network.visual.transformer.resblocks, *network.transformer.resblocks]:
            block.mlp.c_fc.weight.mul_(2)
            block.mlp.c_proj.weight.mul_(1000)
    network.half().float().eval()  # OpenAI's archives are in half precision
    save_file(network.state_dict(), folder / "tiny.safetensors")
    # Tracing would save the mask as a weight, which OpenAI's archives do not have: make it a constant.
    object.__setattr__(network, "attn_mask", network._buffers.pop("attn_mask"))
    picture, tokens = torch.ones(1, 3, 32, 32), torch.ones(1, 77, dtype=torch.int64)
    traced = torch.jit.trace_module(network, {"encode_image": (picture,), "encode_text": (tokens,)})
    traced.save(folder / "tiny.pt")
    local = folder / "local"
    local.mkdir()
    save_file(network.state_dict(), local / "open_clip_model.safetensors")
    (local / "open_clip_config.json").write_text(json.dumps({"model_cfg": {**CONFIG, "quick_gelu": True}}))
    yield {"state": folder / "tiny.safetensors", "archive": folder / "tiny.pt", "local": local}
    paths: list[Any] = open_clip.factory._MODEL_CONFIG_PATHS
    paths.remove(configs)
    open_clip.factory._rescan_model_configs()


def _load(name: str, **setting: Any) -> Clip:
    return build(Setting(clip_model=name, **setting))


def _pictures() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, shape, dtype=np.uint8) for shape in ((32, 32, 3), (64, 64, 3), (50, 90, 3))]


def _expected(pictures: list[np.ndarray], file: Path, quick: bool) -> np.ndarray:
    """What open_clip itself gives for the pictures, one at a time, with its own preprocessing."""
    network, transform = open_clip.create_model_from_pretrained(
        "tiny-quickgelu" if quick else "tiny", pretrained=str(file)
    )
    with torch.inference_mode():
        rows = [network.encode_image(transform(Image.fromarray(p))[None], normalize=True) for p in pictures]
    return torch.cat(rows).numpy()


def test_features_are_open_clips_own(files: dict[str, Path]) -> None:
    clip = _load(f"tiny-quickgelu={files['state']}")
    assert isinstance(clip, ImageExtractor)
    assert isinstance(clip, TextExtractor)
    vectors = clip.extract_images(_pictures())
    assert vectors.shape == (3, 16) == (3, clip.dim)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(vectors, _expected(_pictures(), files["state"], True), atol=1e-6)
    assert clip.extract_images([]).shape == (0, 16)


def test_neighbours_and_order_change_no_digit(files: dict[str, Path]) -> None:
    clip = _load(f"tiny-quickgelu={files['state']}")
    pictures, texts = _pictures(), ["a cat", "a dog on a mat", "x"]
    np.testing.assert_array_equal(
        clip.extract_images(pictures[::-1])[::-1],
        np.concatenate([clip.extract_images([p]) for p in pictures]),
    )
    np.testing.assert_array_equal(
        clip.extract_texts(texts[::-1])[::-1], np.concatenate([clip.extract_texts([t]) for t in texts])
    )


@pytest.mark.parametrize("kind", ["archive", "local"])
def test_weights_that_tell_their_activation_get_quickgelu_unasked(files: dict[str, Path], kind: str) -> None:
    name = f"local-dir:{files['local']}" if kind == "local" else f"tiny={files['archive']}"
    clip = _load(name)
    expected = _expected(_pictures(), files["state"], True)
    np.testing.assert_allclose(clip.extract_images(_pictures()), expected, atol=1e-5)
    assert np.abs(expected - _expected(_pictures(), files["state"], False)).max() > 1e-3
    if kind == "archive":
        assert clip.identity.startswith("tiny-quickgelu/sha256:")


def test_a_file_that_does_not_tell_must_be_named_and_never_gets_gelu_silently(files: dict[str, Path]) -> None:
    with pytest.raises(InputError, match=r"name the model tiny-quickgelu .* or tiny-gelu"):
        _load(f"tiny={files['state']}")
    plain, quick = _load(f"tiny-gelu={files['state']}"), _load(f"tiny-quickgelu={files['state']}")
    np.testing.assert_allclose(
        plain.extract_images(_pictures()), _expected(_pictures(), files["state"], False), atol=1e-6
    )
    assert plain.identity.startswith("tiny/sha256:")
    assert quick.identity.startswith("tiny-quickgelu/sha256:")
    assert _load(f"lonely={files['state']}").identity.startswith("lonely/")  # has no QuickGELU twin


@pytest.mark.parametrize("model", ["tiny", "tiny-quickgelu"])
def test_the_tag_decides_the_activation(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, model: str
) -> None:
    """As with ViT-L-14/openai, where open_clip would take plain GELU: the tag knows better."""
    monkeypatch.setenv("DRAWBENCH_CACHE", str(tmp_path))
    tags = {
        "openai": {"url": files["state"].as_uri(), "quick_gelu": True},
        "other": {"url": files["state"].as_uri()},
    }
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, model, tags)
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "tiny", tags)
    policy = WeightsPolicy(download=True)
    clip = _load(f"{model}/openai", weights=policy)
    assert clip.identity == "tiny-quickgelu/openai"
    np.testing.assert_allclose(
        clip.extract_images(_pictures()), _expected(_pictures(), files["state"], True), atol=1e-6
    )
    if model == "tiny":
        assert _load("tiny/other", weights=policy).identity == "tiny/other"
    else:
        with pytest.raises(InputError, match="trained with plain GELU; name the model tiny/other"):
            _load(f"{model}/other", weights=policy)


def test_texts_too_long_are_seen_and_keep_their_end_mark(files: dict[str, Path]) -> None:
    clip = _load(f"tiny-quickgelu={files['state']}")
    assert not clip.is_truncated("x " * 75)
    assert clip.is_truncated("x " * 76)
    tokens = open_clip.get_tokenizer("tiny-quickgelu")(["x " * 200])
    assert int(tokens[0, -1]) == 49407
    fits, longer = clip.extract_texts(["x " * 75, "x " * 200])
    np.testing.assert_allclose(fits, longer, atol=1e-6)


@pytest.mark.parametrize("name", ["", "ViT-L-14", "/openai", "ViT-L-14/", "=file.pt", "ViT-L-14="])
def test_names_that_are_not_understood(name: str) -> None:
    with pytest.raises(InputError, match="MODEL/TAG"):
        ClipName.parse(name)


def test_mistakes_are_one_clear_line(files: dict[str, Path], tmp_path: Path) -> None:
    rotten = tmp_path / "rotten.safetensors"
    rotten.write_bytes(b"rotten")
    for name, message in (
        (f"tiny-quickgelu={rotten}", "cannot be loaded"),
        (f"tiny-quickgelu={tmp_path / 'none.pt'}", "not a file"),
        (f"wider={files['state']}", "cannot be loaded"),
        ("ViT-B-32/no-such-tag", "it has: openai"),
        ("no-such-model/openai", "does not know that model"),
        (f"local-dir:{tmp_path}", "cannot be loaded"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            _load(name)
        assert "\n" not in str(caught.value)


def test_what_is_missing_is_said_without_loading(files: dict[str, Path], tmp_path: Path) -> None:
    assert missing(Setting(clip_model=f"tiny={files['state']}")) is None
    assert missing(Setting(clip_model=f"local-dir:{files['local']}")) is None
    assert "not a file" in str(missing(Setting(clip_model=f"tiny={tmp_path}/x.pt")))
    assert "open_clip_config.json" in str(missing(Setting(clip_model=f"local-dir:{tmp_path}")))


def test_the_default_network_is_a_known_asset_with_its_hash() -> None:
    asset = clip_asset(ClipName.parse(Setting().clip_model))
    config = open_clip.get_pretrained_cfg("ViT-L-14", "openai")
    assert asset.id == "clip-ViT-L-14-openai"
    assert config["quick_gelu"] is True
    assert asset.files[0].url == config["url"]
    assert str(asset.files[0].sha256) in config["url"]
    assert asset.files[1].hub == config["hf_hub"].rstrip("/")


def test_other_networks_are_described_from_open_clips_list() -> None:
    asset = clip_asset(ClipName.parse("ViT-B-16-quickgelu/openai"))
    assert asset.files[0].name == "ViT-B-16.pt"
    assert len(str(asset.files[0].sha256)) == 64
    assert [f.name for f in asset.files[1:]] == ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"]
