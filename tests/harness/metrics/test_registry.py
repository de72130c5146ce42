"""Metrics and extractors by name, ours and other packages'."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from drawbench.errors import InputError
from harness import extractors, metrics
from harness.extractors import Extractors, Setting
from harness.metrics.base import describe
from harness.weights import WeightsPolicy

PACKAGE = '''
"""A package of somebody else."""
import numpy as np
from harness.extractors.base import ExtractorSpec

class Brightness:
    """Mean brightness in per cent."""
    name = "brightness"
    direction = "higher"
    image_extractors = ("levels",)
    text_extractors = ()
    needs_reference = False
    bounds = (0.0, 100.0)
    def identity(self, inputs):
        return f"brightness[{inputs.identities['levels']}|{inputs.file_type}]"
    def per_image(self, inputs):
        return inputs.features["levels"][:, 0].astype(float)

class Levels:
    name = "levels"
    identity = "levels-1"
    dim = 1
    def extract_images(self, images):
        return np.array([[image.mean() / 2.55] for image in images], np.float32)

no_metric = 3
levels = ExtractorSpec("levels", lambda setting: Levels(), lambda setting: None)
'''


@pytest.fixture
def other_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package with entry points for a metric and an extractor."""
    (tmp_path / "other_metrics.py").write_text(PACKAGE)
    info = tmp_path / "other_metrics-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-metrics\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[drawbench.metrics]\nbrightness = other_metrics:Brightness\nbroken = other_metrics:no_metric\n"
        "absent = no_such_module_here:X\n[drawbench.extractors]\nlevels = other_metrics:levels\n"
        "odd = other_metrics:no_metric\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    monkeypatch.delitem(sys.modules, "other_metrics", raising=False)


def test_built_in_metrics_say_what_they_need() -> None:
    lines = {name: describe(metrics.find_metric(name)) for name in metrics.names()}
    assert lines["fid"].extractors == ("inception",)
    assert lines["fd_effnet_lite0"].extractors == ("effnet_lite0",)
    assert lines["align_conse"].extractors == ("effnet_lite0", "effnet_lite0_halves", "minilm")
    assert all(line.summary for line in lines.values())
    assert {line.direction for name, line in lines.items() if name.startswith("f")} == {"lower"}


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("clipscore", "did you mean clip_score"),
        ("FID", "Known are"),
        ("fidd", "did you mean fid"),
        ("", "Known"),
    ],
)
def test_unknown_metrics(name: str, hint: str) -> None:
    with pytest.raises(InputError, match=hint):
        metrics.find_metric(name)


@pytest.mark.usefixtures("other_package")
def test_another_packages_metric_and_extractor_are_found() -> None:
    assert "brightness" in metrics.names()
    assert metrics.find_metric("brightness").name == "brightness"
    assert metrics.find_metric("other_metrics:Brightness").bounds == (0.0, 100.0)
    assert "levels" in extractors.names()
    built = Extractors(Setting())
    assert built.missing("levels") is None
    assert built.image("levels").dim == 1
    assert built.image("levels") is built.image("levels")
    with pytest.raises(InputError, match="reads no texts"):
        built.text("levels")


@pytest.mark.usefixtures("other_package")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("broken", "is no metric"),
        ("absent", "cannot be imported"),
        ("other_metrics:nothing", "cannot be imported"),
        ("no_such_module_here:X", "cannot be imported"),
        ("other_metrics:no_metric", "is no metric"),
    ],
)
def test_metrics_that_cannot_be_used(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        metrics.find_metric(name)


@pytest.mark.usefixtures("other_package")
def test_extractors_that_cannot_be_used() -> None:
    with pytest.raises(InputError, match="names no ExtractorSpec"):
        extractors.find_spec("odd")
    with pytest.raises(InputError, match="unknown extractor 'effnet'; did you mean effnet_lite0"):
        extractors.find_spec("effnet")


def test_missing_weights_are_said_without_loading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HOME", "TORCH_HOME", "HF_HOME", "DRAWBENCH_CACHE", "TMPDIR"):
        monkeypatch.setenv(variable, str(tmp_path))
    built = Extractors(Setting(WeightsPolicy()))
    assert built.missing("effnet_lite0") is None
    assert built.missing("minilm") is None
    assert "ViT-L-14.pt" in str(built.missing("clip"))
