"""Pictures to detections with the shipped weights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from drawbench.errors import InputError
from harness.atomic import write_atomic
from harness.decode import RgbImage
from harness.extractors.base import inference, micro_batch
from harness.scenes_judge.decode import decode
from harness.scenes_judge.labels import COLOUR_LABELS, KINDS, Detection
from harness.scenes_judge.network import INPUT, Detector, DetectorConfig, Raw

WEIGHTS = "scenes-judge.safetensors"


def shipped_weights() -> Path:
    """The weights' path in the installed package."""
    return Path(str(resources.files("harness") / "data" / WEIGHTS))


def preprocess(image: RgbImage) -> RgbImage:
    """RGB uint8 (height, width, 3) to (128, 128, 3): averaged over areas, a smaller side enlarged (bicubic).

    Pictures that are not square are squashed.
    """
    picture = Image.fromarray(image)
    width, height = max(INPUT, picture.width), max(INPUT, picture.height)
    if (width, height) != picture.size:
        picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    if (width, height) != (INPUT, INPUT):
        picture = picture.resize((INPUT, INPUT), Image.Resampling.BOX)
    return np.asarray(picture)


def to_input(images: Sequence[RgbImage]) -> Tensor:
    """Preprocessed pictures (128, 128, 3) as (B, 3, 128, 128) in [-1, 1]."""
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 127.5 - 1


def maps_of(raw: Raw) -> list[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]]:
    """Each picture's kinds, colours and boxes as arrays for `decode`."""
    parts = [part.double().cpu().numpy() for part in (raw.kinds, raw.colours, raw.boxes)]
    return list(zip(*parts, strict=True))


class Eye:
    """The trained detector with its threshold.

    It runs in fp64: that costs a third more time, and with the rounding in `decode` the detections are then
    the same to the byte whatever the number of threads and the pictures beside them.
    """

    def __init__(self, network: Detector, threshold: float, device: str = "cpu") -> None:
        self.threshold = threshold
        self._device = device
        self._network = network.eval().requires_grad_(False).to(device, torch.float64)
        self._network.to(memory_format=torch.channels_last)

    def look(self, images: Sequence[RgbImage]) -> list[tuple[Detection, ...]]:
        """What is seen in RGB uint8 pictures (height, width, 3) of any sizes."""
        size = micro_batch(self._device)
        seen = []
        with inference(self._device):
            for start in range(0, len(images), size):
                batch = to_input([preprocess(image) for image in images[start : start + size]])
                raw = self._network(batch.to(self._device, torch.float64, memory_format=torch.channels_last))
                seen += [decode(*maps, self.threshold) for maps in maps_of(raw)]
        return seen


def save_detector(
    path: Path,
    weights: dict[str, Tensor],
    config: DetectorConfig,
    threshold: float,
    training: dict[str, Any],
) -> None:
    """Writes the weights as bfloat16 safetensors with shape, threshold, vocabulary and training record."""
    halves = {
        name: tensor.detach().to(torch.bfloat16).contiguous()
        for name, tensor in weights.items()
        if tensor.is_floating_point()
    }
    header = {
        "detector": json.dumps(config.to_dict()),
        "threshold": json.dumps(threshold),
        "labels": json.dumps([KINDS, COLOUR_LABELS]),
        "training": json.dumps(training, sort_keys=True),
    }
    write_atomic(path, save(halves, header))


def load_eye(path: Path | None = None, device: str = "cpu") -> tuple[Eye, dict[str, Any]]:
    """The detector of `path`, by default the shipped one, in fp32, and its training record.

    Raises InputError where the file is missing, is no detector, or knows other objects than this world.
    """
    path = path or shipped_weights()
    if not path.is_file():
        raise InputError(f"no weights of the scenes judge at {path}; install the package again")
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
            weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        labels = json.loads(header["labels"])
        network = Detector(DetectorConfig.from_dict(json.loads(header["detector"])))
        state = network.state_dict()
        network.load_state_dict(state | weights)
        if lacking := [n for n, t in state.items() if t.is_floating_point() and n not in weights]:
            raise ValueError(f"{lacking[0]} is missing")
        threshold, training = float(json.loads(header["threshold"])), json.loads(header["training"])
    except Exception as error:  # what a file that is something else raises has no bounds
        raise InputError(f"{path} holds no scenes judge: {error}") from None
    if labels != [list(KINDS), list(COLOUR_LABELS)]:
        raise InputError(f"the judge in {path} was trained on other objects or colours than this world has")
    return Eye(network, threshold, device), training
