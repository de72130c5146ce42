"""Known bugs of other codes: how pictures are made small before a network sees them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from harness.decode import decode_rgb
from harness.extractors.inception import load_clean, load_fidelity, load_pytorch, load_tensorflow
from harness.metrics import find_metric
from harness.metrics.base import SetMetric
from harness.reference import ReferenceSource
from harness.score import score_samples
from harness.score_plan import ScorePlan

from .conftest import MakeSamples, noise, seen_through_window

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


def _pillow_bicubic(picture: np.ndarray) -> np.ndarray:
    """Each channel by itself in floating point: the filter grows with the reduction, nothing is rounded."""
    channels = [
        np.asarray(Image.fromarray(c.astype(np.float32)).resize((299, 299), Image.Resampling.BICUBIC))
        for c in np.moveaxis(picture, 2, 0)
    ]
    return np.stack(channels, 2).clip(0, 255)


@pytest.mark.parametrize("shape", [(64, 64), (700, 650), (512, 300)])
def test_3a_1_pictures_are_resized_with_antialiasing(window_weights: Path, shape: tuple[int, int]) -> None:
    """ "The biggest factor is proper bilinear rescaling": FID 22.85 in place of 16."""
    (picture,) = noise(0, shape)
    features = load_clean(window_weights).extract_images([picture])[0]
    np.testing.assert_allclose(features, seen_through_window(_pillow_bicubic(picture)), atol=2e-3)
    if min(shape) > 299:  # without antialiasing noise keeps its spread when it is made small
        assert features.std() < 0.75 * (picture.std() / 128)


def test_3a_14_antialiasing_cannot_change_unseen_by_a_library_s_version(window_weights: Path) -> None:
    """The resizing's values are pinned, at a size where antialiasing matters (at 299 it never does)."""
    row, column = np.mgrid[0:640, 0:512]
    stripes = np.where((row // 2 + column // 3) % 2, 230, 20).astype(np.uint8)
    picture = np.repeat(stripes[:, :, None], 3, 2)
    extractor = load_clean(window_weights)
    seen = extractor.extract_images([picture])[0] * 128 + 128
    assert seen.mean() == pytest.approx(125.0, abs=0.1)
    assert seen.std() == pytest.approx(36.907, abs=0.02)
    assert seen[:4] == pytest.approx([195.058, 111.514, 59.383, 166.960], abs=0.02)
    assert "clean" in extractor.identity


@pytest.fixture(scope="module")
def random_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state dict of Inception's shape with random weights."""
    spec = importlib.util.spec_from_file_location("random_inception", BENCHMARKS / "random_inception.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    path = tmp_path_factory.mktemp("state") / made.STATE_NAME
    torch.save(made.random_state(), path)
    return path


def test_3a_8_3a_14_protocols_of_fid_have_names_identities_and_pixels_of_their_own(
    window_weights: Path, random_state: Path
) -> None:
    """1024 px scored with one tool and 512 px with another under the same word "FID".

    TensorFlow 1 reads pixel i at i * old / new, half a pixel beside where others do, and sees only some.
    """
    loaded = {
        "fid": load_clean(window_weights),
        "fid_legacy_pytorch": load_pytorch(random_state),
        "fid_legacy_tensorflow": load_tensorflow(window_weights),
        "fid_torch_fidelity": load_fidelity(random_state),
    }
    for name, extractor in loaded.items():
        metric = find_metric(name)
        assert isinstance(metric, SetMetric)
        assert metric.image_extractors == (extractor.name,)
    assert len({extractor.identity for extractor in loaded.values()}) == 4
    assert loaded["fid_legacy_tensorflow"].identity.endswith("|legacy_tensorflow")
    assert loaded["fid_torch_fidelity"].identity.endswith("|inception-v3-compat")
    (picture,) = noise(3, (640, 512))
    expected = _tensorflow1(picture)
    seen = {name: extractor.prepare(picture) * 128 + 128 for name, extractor in loaded.items()}
    for name in ("fid_legacy_tensorflow", "fid_torch_fidelity"):
        np.testing.assert_allclose(seen[name], expected, atol=0.03)  # places in fp32
    for name in ("fid", "fid_legacy_pytorch"):
        assert np.abs(seen[name] - expected).mean() > 10
    features = loaded["fid_legacy_tensorflow"].extract_images([picture])[0]
    np.testing.assert_allclose(features, seen_through_window(expected), atol=3e-4)


def _tensorflow1(picture: np.ndarray) -> np.ndarray:
    """Bilinear with neither half pixels nor antialiasing, one axis after the other."""
    values = picture.astype(np.float64)
    for axis in (0, 1):
        old = values.shape[axis]
        at = np.arange(299) * (old / 299)
        low = np.floor(at).astype(int)
        part = np.expand_dims(at - low, [d for d in range(3) if d != axis])
        high = np.minimum(low + 1, old - 1)
        values = values.take(low, axis) * (1 - part) + values.take(high, axis) * part
    return values


def test_3a_15_mixed_sizes_are_scored_together(make_samples: MakeSamples, tmp_path: Path) -> None:
    """Every raw folder of COCO crashed there."""
    shapes = ((64, 48), (33, 200), (299, 299), (1, 1), (480, 640))
    folder, samples, prompts = make_samples(noise(0, *shapes))
    reference = tmp_path / "reference"
    reference.mkdir()
    for i, picture in enumerate(noise(1, *shapes[::-1])):
        Image.fromarray(picture).save(reference / f"{i}.png")
    plan = ScorePlan(("fd_effnet_lite0",), ReferenceSource("folder", str(reference)))
    result = score_samples(samples, prompts, folder, plan)
    assert result.failed == ()
    assert result.scores[0].n == len(shapes)
    assert np.isfinite(result.scores[0].value)


def test_3b_f_pictures_are_not_squashed_to_a_square_before_the_network_s_own_resizing(
    window_weights: Path,
) -> None:
    """One code made every picture 512 x 512 first."""
    (picture,) = noise(2, (400, 700))
    squashed = np.asarray(Image.fromarray(picture).resize((512, 512), Image.Resampling.LANCZOS))
    features = load_clean(window_weights).extract_images([picture, squashed])
    np.testing.assert_allclose(features[0], seen_through_window(_pillow_bicubic(picture)), atol=2e-3)
    assert np.abs(features[0] - features[1]).max() > 0.05


def test_3b_k_no_float_becomes_a_byte_by_truncation(tmp_path: Path) -> None:
    """One library turned 0..1 into bytes by `(x * 255).byte()`, which darkens every pixel by half a level."""
    from harness.pictures import check_picture
    from harness.types import Failure

    refused = check_picture(np.full((4, 4, 3), 0.999))
    assert isinstance(refused, Failure)
    assert "not uint8" in refused.reason
    grey = np.array([[255, 128 * 257 + 129]], np.uint16)  # 0.99 and 128.502 of 255
    path = tmp_path / "grey.png"
    Image.fromarray(grey).save(path)
    assert decode_rgb(path.read_bytes())[0, :, 0].tolist() == [1, 129]
