"""Each Inception protocol against the code that defines it, with random weights saved on the spot."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from drawbench.errors import InputError
from harness.decode import decode_rgb
from harness.extractors.base import ImageExtractor, Prepares
from harness.extractors.engine import make_engine, openvino_installed
from harness.extractors.inception import (
    LOGITS,
    POOL,
    load_clean,
    load_fidelity,
    load_pytorch,
    load_tensorflow,
)
from harness.features import Item, image_features

fid = pytest.importorskip("cleanfid.fid")
import torch  # noqa: E402
from cleanfid import inception_torchscript  # noqa: E402

ENGINES = ["torch", *(["openvino"] if openvino_installed() else [])]
SHAPES = ((299, 299), (64, 64), (33, 500), (400, 300), (701, 640))


class _Layers(torch.nn.Module):
    """2048 numbers that depend on where colours are: 16 x 16 cells through a fixed random projection."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(768, 2048, generator=torch.Generator().manual_seed(0)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.adaptive_avg_pool2d(x, [16, 16]).flatten(1) @ self.weight


class _Archive(torch.nn.Module):
    """An archive that clean-fid loads, with layers that are no Inception."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = _Layers()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Mixed sizes, smooth and noisy."""
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    paths = []
    for i, (height, width) in enumerate(SHAPES):
        coarse = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
        smooth = np.asarray(Image.fromarray(coarse).resize((width, height)), np.float64)
        noisy = smooth + rng.normal(0, 20, smooth.shape)
        paths.append(folder / f"{i}.png")
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(paths[-1])
    return paths


def _decoded(paths: list[Path]) -> list[np.ndarray]:
    return [decode_rgb(path.read_bytes()) for path in paths]


def _clean_fids_features(paths: list[Path], model: Any, mode: str) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fid.get_files_features(
            [str(p) for p in paths],
            model=model,
            num_workers=0,
            batch_size=1,
            device=torch.device("cpu"),
            mode=mode,
            verbose=False,
        )


def _assert_close(found: np.ndarray, expected: np.ndarray, tolerance: float = 2e-6) -> None:
    """Within `tolerance` of the largest value, and the pictures far further apart than that."""
    scale = np.abs(expected).max()
    assert np.abs(found - expected).max() <= tolerance * scale
    gaps = [np.abs(a - b).max() for i, a in enumerate(expected) for b in expected[:i]]
    assert min(gaps) > 1000 * tolerance * scale


@pytest.mark.parametrize("engine", ENGINES)
def test_clean_mode_is_clean_fids(inception_weights: Any, pictures: list[Path], engine: Any) -> None:
    extractor = load_clean(inception_weights.script, engine=engine)
    assert (extractor.name, extractor.identity) == ("inception", "inception-2015-12-05|clean")
    assert isinstance(extractor, ImageExtractor)
    assert isinstance(extractor, Prepares)
    features = extractor.extract_images(_decoded(pictures))
    model = inception_torchscript.InceptionV3W(str(inception_weights.folder), download=False)
    _assert_close(features, _clean_fids_features(pictures, model, "clean"))
    assert features.shape == (5, 2048)
    assert extractor.engine.name.startswith(engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_legacy_tensorflow_mode_is_clean_fids(
    inception_weights: Any, pictures: list[Path], engine: Any
) -> None:
    extractor = load_tensorflow(inception_weights.script, engine=engine)
    assert (extractor.name, extractor.dim) == ("inception_tensorflow", 2048)
    assert extractor.identity == "inception-2015-12-05|legacy_tensorflow"
    folder = str(inception_weights.folder)
    model = inception_torchscript.InceptionV3W(folder, download=False, resize_inside=True)
    expected = _clean_fids_features(pictures, model, "legacy_tensorflow")
    # the archive finds its places between pixels on a grid of -1..1 in fp32, which costs a digit
    _assert_close(extractor.extract_images(_decoded(pictures)), expected, 1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_legacy_pytorch_mode_is_clean_fids_and_pytorch_fids(
    inception_weights: Any, pictures: list[Path], engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = torch.load(inception_weights.state, weights_only=True)
    model = inception_weights.clean_fids_network(state)
    extractor = load_pytorch(inception_weights.state, engine=engine)
    assert extractor.identity == "pt_inception-2015-12-05-6726825d|legacy_pytorch"
    features = extractor.extract_images(_decoded(pictures))

    def clean_fids(batch: torch.Tensor) -> torch.Tensor:
        return model(batch / 255)[0].squeeze(-1).squeeze(-1)

    _assert_close(features, _clean_fids_features(pictures, clean_fids, "legacy_pytorch"))

    pytorch_fid = pytest.importorskip("pytorch_fid.inception")
    monkeypatch.setattr(pytorch_fid, "load_state_dict_from_url", lambda *_, **__: state)
    peer = pytorch_fid.InceptionV3([3]).eval()
    with torch.no_grad():
        batches = [torch.from_numpy(image).permute(2, 0, 1)[None] / 255 for image in _decoded(pictures)]
        expected = np.concatenate([peer(batch)[0].flatten(1).numpy() for batch in batches])
    _assert_close(features, expected)


@pytest.mark.parametrize("engine", ENGINES)
def test_compat_is_torch_fidelitys(inception_weights: Any, pictures: list[Path], engine: Any) -> None:
    peers = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    peer = peers.FeatureExtractorInceptionV3(
        "inception-v3-compat", ["2048", "logits_unbiased"], str(inception_weights.state)
    )
    batches = [torch.from_numpy(image).permute(2, 0, 1)[None] for image in _decoded(pictures)]
    with torch.no_grad():
        pool, logits = (np.concatenate(part) for part in zip(*map(peer, batches), strict=True))
    extractor = load_fidelity(inception_weights.state, engine=engine)
    assert (extractor.name, extractor.dim) == ("inception_fidelity", 3056)
    features = extractor.extract_images(_decoded(pictures))
    assert features.shape == (5, 3056)
    _assert_close(features[:, POOL], pool)
    _assert_close(features[:, LOGITS], logits)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", ["script", "state"])
def test_neither_neighbours_nor_order_change_a_byte(
    inception_weights: Any, pictures: list[Path], engine: Any, kind: str
) -> None:
    images = _decoded(pictures)[1:4]
    load = load_clean if kind == "script" else load_fidelity
    extractor = load(getattr(inception_weights, kind), engine=engine)
    together = extractor.extract_images(images)
    assert extractor.extract_images(images[1:2]).tobytes() == together[1:2].tobytes()
    assert extractor.extract_images([*images, *images][::-1])[-3:][::-1].tobytes() == together.tobytes()
    assert extractor.extract_images([]).shape == (0, extractor.dim)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_number_of_workers_changes_no_byte(
    inception_weights: Any, pictures: list[Path], engine: Any, tmp_path: Path
) -> None:
    extractor = load_clean(inception_weights.script, engine=engine)
    expected = extractor.extract_images(_decoded(pictures[:3])).tobytes()
    items = [Item(path) for path in pictures[:3]]
    for workers in (1, 3):
        root = tmp_path / str(workers)
        found = image_features(items, [extractor], workers=workers, root=root)
        assert np.asarray(found.features["inception"]).tobytes() == expected


def test_with_warm_features_no_engine_is_started(
    inception_weights: Any, pictures: list[Path], tmp_path: Path
) -> None:
    items = [Item(path) for path in pictures[:2]]
    first = load_clean(inception_weights.script, engine="torch")
    made = np.asarray(image_features(items, [first], root=tmp_path).features["inception"])
    again = load_clean(inception_weights.script, engine="torch")
    found = image_features(items, [again], root=tmp_path)
    np.testing.assert_array_equal(np.asarray(found.features["inception"]), made)
    assert "engine" not in vars(again)
    assert "engine" in vars(first)


def test_an_archive_of_another_structure_runs_as_it_is(tmp_path: Path, pictures: list[Path]) -> None:
    weights = tmp_path / "inception-2015-12-05.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(_Archive()).save(weights)
    model = inception_torchscript.InceptionV3W(str(tmp_path), download=False)
    expected = _clean_fids_features(pictures, model, "clean")
    _assert_close(load_clean(weights).extract_images(_decoded(pictures)), expected)


class _Branching(torch.nn.Module):
    """A network that a recording of one run does not describe."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3)) + (1 if bool(x.abs().max() > 0) else 0)


class _Foreign(torch.nn.Module):
    """A network with an operation that OpenVINO does not know."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.special.bessel_j0(x.mean((2, 3)))


@pytest.mark.skipif(not openvino_installed(), reason="without OpenVINO torch is the only engine")
@pytest.mark.parametrize(("network", "why"), [(_Branching(), "differ"), (_Foreign(), "cannot run")])
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_openvino_is_not_used_where_its_numbers_are_others(network: torch.nn.Module, why: str) -> None:
    engine = make_engine(network, network, (8, 8, 3))
    assert engine.name.startswith("torch")
    x = np.full((8, 8, 3), 0.5, np.float32)
    with torch.no_grad():
        expected = network(torch.full((1, 3, 8, 8), 0.5))
    np.testing.assert_array_equal(engine.run([x]), expected)
    with pytest.raises(ValueError, match=why):
        make_engine(network, network, (8, 8, 3), engine="openvino")


@pytest.mark.parametrize("load", [load_clean, load_tensorflow, load_pytorch, load_fidelity])
def test_rotten_weights_are_one_clear_line(tmp_path: Path, load: Any) -> None:
    rotten = tmp_path / "inception-2015-12-05.pt"
    rotten.write_bytes(b"rotten")
    with pytest.raises(InputError, match="Inception") as caught:
        load(rotten)
    assert "\n" not in str(caught.value)
    torch.save({"some": torch.zeros(1)}, rotten)
    with pytest.raises(InputError, match="Inception"):
        load(rotten)


def test_a_state_dict_of_another_width_is_refused(inception_weights: Any, tmp_path: Path) -> None:
    state = torch.load(inception_weights.state, weights_only=True)
    name = "Mixed_6b.branch7x7_2.conv.weight"
    state[name] = state[name][:, :100].contiguous()
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(InputError, match="no state dict of Inception"):
        load_pytorch(tmp_path / "other.pth")
