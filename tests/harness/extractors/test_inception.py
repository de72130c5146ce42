"""The Inception paths against clean-fid's own code, with random weights saved on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from drawbench.errors import InputError
from harness.decode import decode_rgb
from harness.extractors.base import ImageExtractor
from harness.extractors.inception import load_clean, load_pytorch

fid = pytest.importorskip("cleanfid.fid")
import torch  # noqa: E402
import torchvision  # noqa: E402
from cleanfid import inception_pytorch, inception_torchscript  # noqa: E402


class _Layers(torch.nn.Module):
    """2048 numbers that depend on where colours are: 16 x 16 cells through a fixed random projection."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(768, 2048, generator=torch.Generator().manual_seed(0)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.adaptive_avg_pool2d(x, [16, 16]).flatten(1) @ self.weight


class _Network(torch.nn.Module):
    """Shaped like the archive that clean-fid loads: the features are made by `layers`."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = _Layers()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    paths = []
    for i, shape in enumerate(((64, 64, 3), (400, 300, 3))):
        paths.append(folder / f"{i}.png")
        Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(paths[-1])
    return paths


def _decoded(paths: list[Path]) -> list[np.ndarray]:
    return [decode_rgb(path.read_bytes()) for path in paths]


def _clean_fids_features(paths: list[Path], model: Any, mode: str) -> np.ndarray:
    return fid.get_files_features(
        [str(p) for p in paths],
        model=model,
        num_workers=0,
        batch_size=1,
        device=torch.device("cpu"),
        mode=mode,
        verbose=False,
    )


def test_clean_mode_is_clean_fids(tmp_path: Path, pictures: list[Path]) -> None:
    weights = tmp_path / "inception-2015-12-05.pt"
    torch.jit.script(_Network()).save(weights)
    extractor = load_clean(weights)
    assert isinstance(extractor, ImageExtractor)
    assert extractor.identity == "inception-2015-12-05|clean"
    features = extractor.extract_images(_decoded(pictures))
    model = inception_torchscript.InceptionV3W(str(tmp_path), download=False)
    np.testing.assert_allclose(features, _clean_fids_features(pictures, model, "clean"), rtol=1e-5, atol=1e-5)
    assert features.shape == (2, 2048)
    np.testing.assert_array_equal(extractor.extract_images(_decoded(pictures[::-1]))[::-1], features)
    assert extractor.extract_images([]).shape == (0, 2048)


def test_legacy_pytorch_mode_is_clean_fids(
    tmp_path: Path, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[torch.nn.Module] = []
    with monkeypatch.context() as patch:  # clean-fid's constructor without its download, weights left random
        patch.setattr(inception_pytorch, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(torchvision.models.Inception3, "load_state_dict", lambda self, _: made.append(self))
        torch.manual_seed(0)
        model = inception_pytorch.InceptionV3(output_blocks=[3], resize_input=False).eval()
    with torch.no_grad():
        for module in made[0].modules():
            if isinstance(module, torch.nn.Conv2d):
                module.weight.mul_(6**0.5)  # else the signal dies on its way through 94 random layers
    weights = tmp_path / "pt_inception-2015-12-05-6726825d.pth"
    torch.save(made[0].state_dict(), weights)
    extractor = load_pytorch(weights)
    features = extractor.extract_images(_decoded(pictures))

    def clean_fids(batch: torch.Tensor) -> torch.Tensor:
        return model(batch / 255)[0].squeeze(-1).squeeze(-1)

    expected = _clean_fids_features(pictures, clean_fids, "legacy_pytorch")
    np.testing.assert_allclose(features, expected, rtol=1e-4, atol=1e-5)
    assert np.abs(features[0] - features[1]).max() > 1e-4


@pytest.mark.parametrize("load", [load_clean, load_pytorch])
def test_rotten_weights_are_one_clear_line(tmp_path: Path, load: Any) -> None:
    rotten = tmp_path / "inception-2015-12-05.pt"
    rotten.write_bytes(b"rotten")
    with pytest.raises(InputError, match="Inception") as caught:
        load(rotten)
    assert "\n" not in str(caught.value)
    torch.save({"some": torch.zeros(1)}, rotten)
    with pytest.raises(InputError, match="Inception"):
        load(rotten)
