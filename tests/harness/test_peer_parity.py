"""From picture files to set metrics, against the peers' own code on the same random Inception weights.

The peers' matrix square roots of 2048 rows of rank 11 are slow and not exact, so Fréchet distances are
compared on the first columns; kernels, neighbours and class probabilities on all.
"""

from __future__ import annotations

import importlib.util
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.extractors.base import ImageExtractor
from harness.extractors.inception import (
    LOGITS,
    POOL,
    load_clean,
    load_fidelity,
    load_pytorch,
    load_tensorflow,
)
from harness.features import Item, image_features
from harness.metrics.base import Inputs, ReferenceFeatures
from harness.metrics.distance import FrechetMetric
from harness.metrics.inception_score import InceptionScore
from harness.metrics.kid import KidSubsetsMetric
from harness.metrics.manifold import ManifoldMetric

fid = pytest.importorskip("cleanfid.fid")
torch_fidelity = pytest.importorskip("torch_fidelity")
import torch  # noqa: E402

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
CUT = (0, 8)
FEW = 12
MODES = {
    "clean": load_clean,
    "legacy_tensorflow": load_tensorflow,
    "legacy_pytorch": load_pytorch,
}


@dataclass(frozen=True)
class Scene:
    """Two folders of pictures of mixed sizes, and a folder with both files of weights."""

    generated: Path
    real: Path
    state: Path
    script: Path
    made: Any


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    spec = importlib.util.spec_from_file_location("random_inception", BENCHMARKS / "random_inception.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    folder = tmp_path_factory.mktemp("parity")
    made.write_weights(folder)
    rng = np.random.default_rng(0)
    for name, cells in (("generated", 4), ("real", 9)):
        (folder / name).mkdir()
        for i in range(FEW):
            size = (int(rng.integers(60, 120)), int(rng.integers(60, 120)))
            coarse = rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
            Image.fromarray(coarse).resize(size).save(folder / name / f"{i:02d}.png")
    return Scene(
        folder / "generated", folder / "real", folder / made.STATE_NAME, folder / made.SCRIPT_NAME, made
    )


def _inputs(scene: Scene, extractor: ImageExtractor, cache: Path) -> Inputs:
    sides = []
    for folder in (scene.generated, scene.real):
        items = [Item(path) for path in sorted(folder.iterdir())]
        sides.append(image_features(items, [extractor], root=cache).features[extractor.name])
    return Inputs(
        features={"x": sides[0]},
        captions=[""] * FEW,
        clusters=np.arange(FEW),
        identities={"x": extractor.identity},
        embed=lambda name, texts: np.empty((0, 0), np.float32),
        reference=ReferenceFeatures("real", FEW, {"x": sides[1]}),
    )


def _frechet(inputs: Inputs) -> float:
    return FrechetMetric(name="fid", extractor="x", part=CUT).whole_set(inputs).value


@pytest.mark.parametrize("mode", MODES)
def test_fid_is_clean_fids_in_its_three_modes(scene: Scene, tmp_path: Path, mode: str) -> None:
    if mode == "legacy_pytorch":
        network = scene.made.clean_fids_network(torch.load(scene.state, weights_only=True))

        def model(batch: torch.Tensor) -> torch.Tensor:
            return network(batch / 255)[0].squeeze(-1).squeeze(-1)  # type: ignore[no-any-return]

    else:
        from cleanfid.inception_torchscript import InceptionV3W

        inside = mode == "legacy_tensorflow"
        model = InceptionV3W(str(scene.script.parent), download=False, resize_inside=inside)
    settings = {"num_workers": 0, "batch_size": 1, "device": torch.device("cpu"), "verbose": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        features = [
            fid.get_folder_features(str(folder), model, mode=mode, **settings)[:, slice(*CUT)]
            for folder in (scene.generated, scene.real)
        ]
        try:
            expected = fid.fid_from_feats(*features)
        except TypeError:
            pytest.skip("this SciPy has no sqrtm(disp=), which clean-fid calls")
    weights = scene.state if mode == "legacy_pytorch" else scene.script
    found = _frechet(_inputs(scene, MODES[mode](weights), tmp_path))
    assert found == pytest.approx(float(expected), rel=1e-4)


def test_fid_kid_score_precision_and_recall_are_torch_fidelitys(scene: Scene, tmp_path: Path) -> None:
    settings = {
        "feature_extractor": "inception-v3-compat",
        "feature_extractor_weights_path": str(scene.state),
        "batch_size": 1,
        "cuda": False,
        "cache": False,
        "verbose": False,
        "kid_subsets": 20,
        "kid_subset_size": 10,
        "isc_splits": 2,
        "feature_layer_prc": "2048",
    }
    expected = torch_fidelity.calculate_metrics(
        input1=str(scene.generated), input2=str(scene.real), isc=True, kid=True, prc=True, **settings
    )
    inputs = _inputs(scene, load_fidelity(scene.state), tmp_path)
    pool = (POOL.start, POOL.stop)
    kid = KidSubsetsMetric(name="kid", extractor="x", part=pool, subsets=20, size=10)
    assert kid.whole_set(inputs).value == pytest.approx(expected["kernel_inception_distance_mean"], rel=1e-4)
    score = InceptionScore(name="is", extractor="x", part=(LOGITS.start, LOGITS.stop), splits=2)
    assert score.whole_set(inputs).value == pytest.approx(expected["inception_score_mean"], rel=1e-4)
    for quantity in ("precision", "recall"):
        metric = ManifoldMetric(name=quantity, extractor="x", part=pool, summary="", quantity=quantity, k=3)
        assert metric.whole_set(inputs).value == pytest.approx(expected[quantity], abs=1e-6)

    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
    from torch_fidelity.utils import create_feature_extractor, extract_featuresdict_from_input_id_cached

    network = create_feature_extractor("inception-v3-compat", ["2048"], **settings)
    folders = {"input1": str(scene.generated), "input2": str(scene.real)}
    statistics = [
        fid_features_to_statistics(
            extract_featuresdict_from_input_id_cached(side, network, **folders, **settings)["2048"][
                :, slice(*CUT)
            ].double()
        )
        for side in (1, 2)
    ]
    distance = fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    assert _frechet(inputs) == pytest.approx(distance, rel=1e-4)


def test_fid_is_torchmetrics_without_its_antialiasing_and_not_with_it(scene: Scene, tmp_path: Path) -> None:
    """torchmetrics 1.8 resizes with antialiasing unless told not to (its issue 3130), so that its FID is not
    torch-fidelity's any more."""
    metrics = pytest.importorskip("torchmetrics.image.fid")

    class First(torch.nn.Module):
        """Their network, cut to the first columns."""

        num_features = CUT[1]

        def __init__(self, antialias: bool) -> None:
            super().__init__()
            self.whole = metrics.NoTrainInceptionV3(
                "inception-v3-compat", ["2048"], str(scene.state), antialias=antialias
            )

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.whole(images)[:, slice(*CUT)]  # type: ignore[no-any-return]

    def theirs(antialias: bool) -> float:
        distance = metrics.FrechetInceptionDistance(First(antialias))
        for folder, real in ((scene.real, True), (scene.generated, False)):
            for path in sorted(folder.iterdir()):
                pixels = torch.from_numpy(np.array(Image.open(path).convert("RGB")))
                distance.update(pixels.permute(2, 0, 1)[None], real=real)
        return float(distance.compute())

    found = _frechet(_inputs(scene, load_fidelity(scene.state), tmp_path))
    assert theirs(antialias=False) == pytest.approx(found, rel=1e-4)
    assert theirs(antialias=True) != pytest.approx(found, rel=1e-3)
