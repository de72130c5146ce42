"""Detectors: small random networks of transformers loaded by the real code, and plug-ins."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drawbench.errors import InputError
from harness.extractors.base import DEFAULT_DETECTOR, Setting
from harness.geneval.classes import CLASSES
from harness.geneval.detectors import (
    BoxDetector,
    Detection,
    Detector,
    MaskDetector,
    build_detector,
    mask_box,
    missing_detector,
)

transformers = pytest.importorskip("transformers")
import torch  # noqa: E402

NAMES = dict(enumerate(CLASSES))
CAT, DOG = CLASSES.index("cat"), CLASSES.index("dog")
SIZE = {"shortest_edge": 64, "longest_edge": 128}


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "HF_HOME", "XDG_CACHE_HOME", "DRAWBENCH_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for name in ("HF_HUB_CACHE", "DRAWBENCH_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)


def _picture(seed: int = 0, height: int = 90, width: int = 120) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def _labels(names: dict[int, str]) -> dict[str, Any]:
    return {"id2label": names, "label2id": {name: number for number, name in names.items()}}


def _yolos(folder: Path, names: dict[int, str] = NAMES) -> Path:
    config = transformers.YolosConfig(
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=[64, 64],
        patch_size=16,
        num_detection_tokens=10,
        **_labels(names),
    )
    torch.manual_seed(0)
    network = transformers.YolosForObjectDetection(config).eval()
    with torch.no_grad():  # a random network is sure of nothing: make it see cats
        network.class_labels_classifier.layers[-1].bias[CAT] += 6
    network.save_pretrained(folder)
    transformers.YolosImageProcessor(size=SIZE).save_pretrained(folder)
    return folder


def _mask2former(folder: Path) -> Path:
    backbone = transformers.SwinConfig(
        image_size=64,
        embed_dim=16,
        depths=[1, 1, 1, 1],
        num_heads=[1, 1, 2, 2],
        window_size=4,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    config = transformers.Mask2FormerConfig(
        backbone_config=backbone,
        feature_size=32,
        mask_feature_size=32,
        hidden_dim=32,
        encoder_feedforward_dim=32,
        encoder_layers=1,
        decoder_layers=2,
        num_attention_heads=2,
        dim_feedforward=32,
        num_queries=8,
        **_labels(NAMES),
    )
    torch.manual_seed(0)
    network = transformers.Mask2FormerForUniversalSegmentation(config).eval()
    with torch.no_grad():
        network.class_predictor.bias[DOG] += 6
    network.save_pretrained(folder)
    transformers.Mask2FormerImageProcessor(size=SIZE, size_divisor=32, num_labels=80).save_pretrained(folder)
    return folder


def test_a_box_network_is_loaded_and_gives_transformers_own_boxes(tmp_path: Path) -> None:
    detector = build_detector(Setting(detector=str(_yolos(tmp_path / "tiny"))))
    assert isinstance(detector, Detector)
    assert isinstance(detector, BoxDetector)
    (found,) = detector.detect([_picture()])
    network = transformers.AutoModelForObjectDetection.from_pretrained(tmp_path / "tiny").eval()
    processor = transformers.AutoImageProcessor.from_pretrained(tmp_path / "tiny")
    with torch.inference_mode():
        outputs = network(**processor(images=[_picture()], return_tensors="pt"))
    (expected,) = processor.post_process_object_detection(outputs, 0.3, target_sizes=[(90, 120)])
    assert len(found) == 10
    assert {one.name for one in found} == {"cat"}
    assert [one.score for one in found] == pytest.approx(expected["scores"].tolist(), rel=1e-5)
    np.testing.assert_allclose([one.box for one in found], expected["boxes"].numpy(), atol=1e-3)
    assert detector.identity.startswith("tiny@sha256:")
    assert detector.identity.endswith("|YolosForObjectDetection|boxes|fp32")


def test_a_mask_network_is_loaded_and_scores_classes_times_masks(tmp_path: Path) -> None:
    """As transformers' own post-processing at the masks' own size, but for its detour by 384 pixels."""
    detector = build_detector(Setting(detector=str(_mask2former(tmp_path / "tiny"))))
    assert isinstance(detector, MaskDetector)
    (found,) = detector.detect([_picture()])
    assert {one.name for one in found} == {"dog"}
    network = transformers.AutoModelForUniversalSegmentation.from_pretrained(tmp_path / "tiny").eval()
    processor = transformers.AutoImageProcessor.from_pretrained(tmp_path / "tiny")
    with torch.inference_mode():
        outputs = network(**processor(images=[_picture()], return_tensors="pt"))
    probabilities = outputs.class_queries_logits[0].softmax(-1)[:, DOG].numpy()
    assert 1 <= len(found) <= 8
    for one in found:
        assert one.mask is not None
        assert one.mask.shape == (90, 120)
        assert one.box == mask_box(one.mask)
        assert 0.3 < one.score < probabilities.max()
    (theirs,) = processor.post_process_instance_segmentation(
        outputs, threshold=0.3, target_sizes=[(90, 120)], return_binary_maps=True
    )
    scores = sorted((segment["score"] for segment in theirs["segments_info"]), reverse=True)
    assert sorted((one.score for one in found), reverse=True) == pytest.approx(scores, abs=0.02)


@pytest.mark.parametrize("make", [_yolos, _mask2former])
def test_neighbours_and_order_change_nothing(make: Any, tmp_path: Path) -> None:
    detector = build_detector(Setting(detector=str(make(tmp_path / "tiny"))))
    pictures = [_picture(0), _picture(1, 64, 64), _picture(2, 200, 100)]
    together = detector.detect(pictures[::-1])[::-1]
    alone = [detector.detect([picture])[0] for picture in pictures]
    assert [[(d.name, d.score, d.box) for d in found] for found in together] == [
        [(d.name, d.score, d.box) for d in found] for found in alone
    ]


def test_boxes_of_masks() -> None:
    mask = np.zeros((10, 12), bool)
    mask[3:5, 2:9] = True
    assert mask_box(mask) == (2.0, 3.0, 9.0, 5.0)


def test_a_detector_that_lacks_classes_is_refused_and_does_not_find_nothing(tmp_path: Path) -> None:
    """GenEval's issues 18 and 21: by a wrong configuration nothing was found, and the score was near 0."""
    strange = {**NAMES, CAT: "moggy"}
    with pytest.raises(InputError, match=r"knows no cat; GenEval needs COCO's 80"):
        build_detector(Setting(detector=str(_yolos(tmp_path / "strange", strange))))
    unnamed = {number: f"LABEL_{number}" for number in NAMES}
    with pytest.raises(InputError, match=r"knows no airplane, no apple, no backpack and 77 classes more"):
        build_detector(Setting(detector=str(_yolos(tmp_path / "unnamed", unnamed))))


def test_mistakes_are_one_clear_line(tmp_path: Path) -> None:
    problem = str(missing_detector(Setting()))
    assert problem.startswith(f"the object detector {DEFAULT_DETECTOR} is not on this machine")
    assert "--with detector=FOLDER" in problem
    with pytest.raises(InputError, match=r"needs a folder with config\.json"):
        build_detector(Setting(detector=str(tmp_path)))
    for name in ("no_such_module:Eye", "json:nothing"):
        assert missing_detector(Setting(detector=name)) is None
        with pytest.raises(InputError, match="cannot be imported"):
            build_detector(Setting(detector=name))
    with pytest.raises(InputError, match="json:JSONDecoder is no detector"):
        build_detector(Setting(detector="json:JSONDecoder"))


PLUG_IN = '''
"""A detector of somebody else."""
from harness.geneval.detectors import Detection

class Eye:
    identity = "eye-1"
    def detect(self, images):
        return [[Detection("cat", 0.9, (0.0, 0.0, 5.0, 5.0))] for image in images]

eye = Eye()
'''


def test_plug_ins_are_found_by_entry_point_and_by_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other_detectors.py").write_text(PLUG_IN)
    info = tmp_path / "other_detectors-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-detectors\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[drawbench.detectors]\neye = other_detectors:Eye\nabsent = no_such_module_here:X\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    for name in ("eye", "other_detectors:Eye", "other_detectors:eye"):
        assert missing_detector(Setting(detector=name)) is None
        detector = build_detector(Setting(detector=name))
        assert detector.identity == "eye-1"
        ((found,),) = detector.detect([_picture()])
        assert isinstance(found, Detection)
    with pytest.raises(InputError, match="cannot be imported"):
        build_detector(Setting(detector="absent"))
