"""Object detectors for GenEval's check: networks of transformers by name or folder, and plug-ins.

A plug-in is named by an entry point in the group "drawbench.detectors" or as `my_package.module:name`: an
object with `identity` and `detect`, or a class or function that gives one when called without arguments.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from drawbench.errors import InputError
from harness.decode import RgbImage
from harness.extractors.base import Setting, inference
from harness.geneval.classes import in_geneval_words, unknown_classes
from harness.geneval.rules import SURE, Box
from harness.hub_models import HubModel, get_model, load_network, loading, missing_model, shown

GROUP = "drawbench.detectors"
QUERIES = 100
"""Detections of a mask network that are kept, those of the highest score."""
_KEY, _WHAT = "detector", "the object detector"


@dataclass(frozen=True, eq=False)
class Detection:
    """One object: class in COCO's words, score 0..1, box (left, top, right, bottom) in pixels, y down.

    `mask` (height, width) bool marks its pixels in the picture, where the detector knows them.
    """

    name: str
    score: float
    box: Box
    mask: NDArray[np.bool_] | None = field(default=None)


@runtime_checkable
class Detector(Protocol):
    """Finds objects in pictures. `identity` names everything that decides what is found; no "[" or "]"."""

    identity: str

    def detect(self, images: Sequence[RgbImage]) -> list[list[Detection]]:
        """The objects in each RGB uint8 picture (height, width, 3), from that picture alone."""
        ...


class BoxDetector:
    """A network of AutoModelForObjectDetection (DETR, RT-DETR, YOLOS, ...), fp32, one picture at a time."""

    def __init__(self, identity: str, network: Any, processor: Any, device: str) -> None:
        self._network = network.to(device)
        self._processor, self._device = processor, device
        self._names = in_geneval_words(network.config.id2label)
        self.identity = f"{identity}|{type(network).__name__}|boxes|fp32"

    def detect(self, images: Sequence[RgbImage]) -> list[list[Detection]]:
        """See Detector. Only what is surer than GenEval's least threshold."""
        found = []
        with inference(self._device):
            for image in images:
                outputs = self._network(**_prepared(self._processor, image).to(self._device))
                (result,) = self._processor.post_process_object_detection(
                    outputs, threshold=SURE, target_sizes=[image.shape[:2]]
                )
                columns = [result[key].tolist() for key in ("labels", "scores", "boxes")]
                found.append(
                    [
                        Detection(self._names[n], score, _box(box))
                        for n, score, box in zip(*columns, strict=True)
                    ]
                )
        return found


class MaskDetector:
    """A Mask2Former of transformers, GenEval's kind of detector, fp32, one picture at a time.

    A detection is a query with a class; its score is the class's probability times the mean probability of
    its mask's pixels, and its box bounds its mask (Cheng et al. 2022, as for instance segmentation).
    """

    def __init__(self, identity: str, network: Any, processor: Any, device: str) -> None:
        self._network = network.to(device)
        self._processor, self._device = processor, device
        self._names = in_geneval_words(network.config.id2label)
        self.identity = f"{identity}|{type(network).__name__}|masks-top{QUERIES}|fp32"

    def detect(self, images: Sequence[RgbImage]) -> list[list[Detection]]:
        """See Detector. Only what is surer than GenEval's least threshold."""
        with inference(self._device):
            return [self._detect(image) for image in images]

    def _detect(self, image: RgbImage) -> list[Detection]:
        import torch

        outputs = self._network(**_prepared(self._processor, image).to(self._device))
        probabilities = outputs.class_queries_logits[0].float().softmax(-1)[:, :-1]
        classes = probabilities.shape[1]
        best = probabilities.flatten().topk(min(QUERIES, probabilities.numel()))
        found = []
        for probability, place in zip(best.values.tolist(), best.indices.tolist(), strict=True):
            if probability <= SURE:  # the mask's probability can only lower it
                continue
            query, label = divmod(place, classes)
            logits = torch.nn.functional.interpolate(
                outputs.masks_queries_logits[0, query][None, None].float(),
                size=image.shape[:2],
                mode="bilinear",
                align_corners=False,
            )[0, 0]
            mask = logits > 0
            if not mask.any():
                continue
            score = probability * float(logits.sigmoid()[mask].mean())
            if score > SURE:
                pixels = mask.cpu().numpy()
                found.append(Detection(self._names[label], score, mask_box(pixels), pixels))
        return found


def mask_box(mask: NDArray[np.bool_]) -> Box:
    """The box around a mask's pixels: their least coordinates, and their greatest plus one."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


def missing_detector(setting: Setting) -> str | None:
    """What the detector of the setting lacks, as one line, or None. Loads no network."""
    if _is_plug_in(setting.detector):
        return None
    return missing_model(setting.detector, setting.weights, _KEY, _WHAT)


def build_detector(setting: Setting) -> Detector:
    """Builds the detector of `Setting.detector`. Raises InputError where that cannot be done."""
    name = setting.detector
    for point in entry_points(group=GROUP):
        if point.name == name:
            try:
                return _checked(point.load(), f"entry point {name!r}")
            except ImportError as error:
                raise InputError(f"detector {name!r} of {point.value} cannot be imported: {error}") from None
    if _is_plug_in(name):
        module, _, attribute = name.partition(":")
        try:
            return _checked(getattr(importlib.import_module(module), attribute), name)
        except (ImportError, AttributeError) as error:
            raise InputError(f"detector {name!r} cannot be imported: {error}") from None
    return _of_transformers(get_model(name, setting.weights, _KEY, _WHAT), setting.device)


def _of_transformers(found: HubModel, device: str) -> Detector:
    from transformers import AutoConfig, AutoImageProcessor, AutoModelForObjectDetection
    from transformers import Mask2FormerForUniversalSegmentation as Mask2Former

    options = {"local_files_only": True, "trust_remote_code": False}
    with loading(found, _WHAT):
        config = AutoConfig.from_pretrained(found.folder, **options)
        processor = AutoImageProcessor.from_pretrained(found.folder, **options)
    masks = config.model_type == "mask2former"
    network = load_network(Mask2Former if masks else AutoModelForObjectDetection, found, _WHAT)
    lacking = unknown_classes(in_geneval_words(config.id2label).values())
    if lacking:
        raise InputError(
            f"{_WHAT} {shown(found.name)} knows no {', no '.join(lacking[:3])}"
            f"{f' and {len(lacking) - 3} classes more' if len(lacking) > 3 else ''}; GenEval needs COCO's 80"
        )
    return (MaskDetector if masks else BoxDetector)(found.identity, network, processor, device)


def _prepared(processor: Any, image: RgbImage) -> Any:
    return processor(images=[image], return_tensors="pt", input_data_format="channels_last")


def _is_plug_in(name: str) -> bool:
    """Whether the name is an entry point's or `module:attribute`, which no hub's name and few paths are."""
    module, colon, attribute = name.partition(":")
    path = bool(colon) and attribute.isidentifier() and all(p.isidentifier() for p in module.split("."))
    return path or any(point.name == name for point in entry_points(group=GROUP))


def _checked(loaded: object, source: str) -> Detector:
    ready = not isinstance(loaded, type) and isinstance(loaded, Detector)
    made = loaded() if callable(loaded) and not ready else loaded
    if not isinstance(made, Detector):
        raise InputError(f"{source} is no detector: it lacks identity or detect")
    return made


def _box(corners: Sequence[float]) -> Box:
    left, top, right, bottom = map(float, corners)
    return (left, top, right, bottom)
