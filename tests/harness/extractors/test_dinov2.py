"""DINOv2 against transformers' own model and image processor, on a tiny random network built on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from drawbench.errors import InputError
from harness.extractors import Extractors
from harness.extractors.base import ImageExtractor, Setting
from harness.extractors.dinov2 import DinoV2, build, hub_positions, preprocess
from harness.selftest.resize_reference import interpolation_matrix
from harness.weights import WeightsPolicy

torch = pytest.importorskip("torch")
import transformers  # noqa: E402
from transformers import Dinov2Config, Dinov2Model  # noqa: E402


def _network(image_size: int) -> Any:
    torch.manual_seed(0)
    config = Dinov2Config(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=image_size, patch_size=14
    )
    network = Dinov2Model(config).eval()
    with torch.no_grad():
        network.embeddings.position_embeddings.normal_(0, 1)
        for name, weight in network.named_parameters():  # else random layers hardly mix the tokens
            if name.startswith("encoder") and weight.ndim == 2:
                weight.mul_(20)
    return network


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Networks saved as the hub has them: positions for 224 and, as the real one, for 518 pixels."""
    found = {}
    for image_size in (224, 518):
        found[image_size] = tmp_path_factory.mktemp("dinov2") / "dinov2-large"
        _network(image_size).save_pretrained(found[image_size])
    return found


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = ((64, 64, 3), (300, 500, 3), (224, 224, 3), (1000, 7, 3))
    return [rng.integers(0, 256, shape, dtype=np.uint8) for shape in shapes]


def _transformers_own(folder: Path, pictures: list[np.ndarray]) -> np.ndarray:
    """Squashed to 224 by transformers' own processor and seen by its own model, one at a time.

    The processor that works with Pillow: the one on torchvision's tensors is off by a level here and there.
    """
    pillow = getattr(transformers, "BitImageProcessorPil", None) or transformers.BitImageProcessor
    processor = pillow(
        size={"height": 224, "width": 224},
        resample=Image.Resampling.BICUBIC,
        do_center_crop=False,
        image_mean=[0.485, 0.456, 0.406],
        image_std=[0.229, 0.224, 0.225],
    )
    model = Dinov2Model.from_pretrained(folder).eval()
    with torch.inference_mode():
        rows = [
            model(**processor(Image.fromarray(picture), return_tensors="pt")).last_hidden_state[:, 0]
            for picture in pictures
        ]
    return torch.cat(rows).numpy()


def test_features_are_transformers_own_where_positions_need_no_interpolation(
    folders: dict[int, Path], pictures: list[np.ndarray]
) -> None:
    extractor = DinoV2(folders[224])
    assert isinstance(extractor, ImageExtractor)
    features = extractor.extract_images(pictures)
    assert features.shape == (4, 32) == (4, extractor.dim)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, _transformers_own(folders[224], pictures), atol=1e-5)
    assert np.abs(features - features.mean(0)).max() > 0.1, "the pictures must matter"
    lengths = np.linalg.norm(features, axis=1)
    assert np.abs(lengths - 1).min() > 0.1, "not of unit length: FD-DINOv2 compares them as they are"


def test_positions_are_interpolated_as_by_metas_code_and_not_as_by_transformers(
    folders: dict[int, Path], pictures: list[np.ndarray]
) -> None:
    """Issue-sized trap: both are called DINOv2 and differ where pictures are not 518 pixels wide."""
    positions = torch.randn(1, 1 + 37 * 37, 8, generator=torch.Generator().manual_seed(1))
    ours = hub_positions(positions, 16)
    # Meta's scale is 16.1 / 37, so cell i looks at (i + 1/2) * 37 / 16.1 - 1/2; bicubic with a = -3/4.
    weights = interpolation_matrix(37, 16, scale=37 / 16.1, kernel="cubic", a=-0.75)
    grid = positions[0, 1:].numpy().astype(np.float64).reshape(37, 37, 8)
    expected = np.einsum("ij,jkd,lk->ild", weights, grid, weights).reshape(256, 8)
    np.testing.assert_allclose(ours[0, 1:].numpy(), expected, atol=1e-5)
    np.testing.assert_array_equal(ours[0, 0], positions[0, 0])
    assert hub_positions(ours, 16) is ours
    features = DinoV2(folders[518]).extract_images(pictures)
    difference = np.abs(features - _transformers_own(folders[518], pictures)).max()
    assert difference > 1e-3, "transformers takes another scale; should it ever agree, say so in the docs"


def test_neighbours_and_order_change_no_digit(folders: dict[int, Path], pictures: list[np.ndarray]) -> None:
    extractor = DinoV2(folders[518])
    alone = np.concatenate([extractor.extract_images([picture]) for picture in pictures])
    np.testing.assert_array_equal(extractor.extract_images(pictures[::-1])[::-1], alone)
    prepared = [extractor.prepare(picture) for picture in pictures]
    np.testing.assert_array_equal(extractor.extract_prepared(prepared), alone)
    assert extractor.extract_images([]).shape == (0, 32)


def test_preprocessing_is_dgm_evals() -> None:
    """Resize of torchvision on a Pillow picture, ToTensor, Normalize, as in dgm-eval's models/dinov2.py."""
    transforms = pytest.importorskip("torchvision.transforms")
    theirs = transforms.Compose(
        [
            transforms.Resize((224, 224), transforms.InterpolationMode.BICUBIC),
            transforms.ToTensor(),
            transforms.Normalize(np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])),
        ]
    )
    picture = np.random.default_rng(2).integers(0, 256, (300, 450, 3), dtype=np.uint8)
    ours = preprocess(picture)
    assert ours.shape == (3, 224, 224)
    np.testing.assert_allclose(ours, theirs(Image.fromarray(picture)).numpy(), atol=1e-6)


def test_the_identity_names_the_weights_and_the_preprocessing(folders: dict[int, Path]) -> None:
    one, other = DinoV2(folders[224]).identity, DinoV2(folders[518]).identity
    assert one != other
    assert one.endswith("|squash-bicubic224|imagenet-norm|cls|positions+0.1")
    assert not set("[]") & set(one)


def test_it_is_found_by_name_in_a_folder_of_weights(folders: dict[int, Path], tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRAWBENCH_CACHE", str(tmp_path))
        setting = Setting(WeightsPolicy(folders[224].parent))
        built = Extractors(setting)
        assert built.missing("dinov2") is None
        assert built.image("dinov2").dim == 32
        assert "dinov2-base/model.safetensors" in str(built.missing("dinov2_b14"))


def test_rotten_and_incomplete_weights_are_one_clear_line(folders: dict[int, Path], tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    (tmp_path / "config.json").write_bytes((folders[224] / "config.json").read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"rotten")
    with pytest.raises(InputError, match="no DINOv2 that can be loaded") as caught:
        DinoV2(tmp_path)
    assert "\n" not in str(caught.value)
    state = load_file(folders[224] / "model.safetensors")
    del state["encoder.layer.1.norm1.weight"]
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"norm1\.weight is not in it"):
        DinoV2(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("HOME", "DRAWBENCH_CACHE", "HF_HOME"):
            patch.setenv(variable, str(tmp_path))
        with pytest.raises(InputError, match="dinov2-large/model"):
            build(Setting())
