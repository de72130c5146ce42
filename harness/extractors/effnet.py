"""EfficientNet-Lite0 (ImageNet-1k): features and class probabilities of a picture and of its halves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.decode import RgbImage
from harness.extractors.base import Setting, inference, micro_batch
from harness.rows import Vectors
from harness.weights import find

POOLED = slice(0, 1280)
PROBABILITIES = slice(1280, 2280)
SIDE = 224


class EffNetLite0:
    """EfficientNet-Lite0 as an extractor of 2280 numbers a picture.

    `POOLED` cuts out the 1280 globally averaged features (0..6, after ReLU6), `PROBABILITIES` the softmax
    over the 1000 ImageNet classes. Preprocessing: RGB squashed to 224 x 224 with Pillow's antialiased
    bicubic filter in 8 bits, then (x - 127) / 128 as the network was trained.
    """

    name = "effnet_lite0"
    identity = "efficientnet-lite0-57934424|squash-bicubic224"
    dim = 2280

    def __init__(self, weights: Path, device: str = "cpu") -> None:
        import torch
        from efficientnet_lite_pytorch import EfficientNet

        network = EfficientNet.from_name("efficientnet-lite0")
        network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
        self._device = device
        self._network = network.eval().to(device, memory_format=torch.channels_last)

    def extract_images(self, images: Sequence[RgbImage]) -> Vectors:
        """See ImageExtractor. float32 (n, 2280)."""
        return self.extract_prepared([self.prepare(image) for image in images])

    def prepare(self, image: RgbImage) -> Vectors:
        """See Prepares. float32 (224, 224, 3)."""
        return preprocess(image)

    def extract_prepared(self, batch: Sequence[NDArray[Any]]) -> Vectors:
        """See Prepares."""
        import torch

        size = micro_batch(self._device)
        rows = [np.empty((0, self.dim), np.float32)]
        with inference(self._device):
            for start in range(0, len(batch), size):
                pixels = np.stack(batch[start : start + size])
                seen = torch.from_numpy(pixels).to(self._device).permute(0, 3, 1, 2)
                pooled = self._network.extract_features(seen).mean((2, 3))
                probabilities = self._network._fc(pooled).softmax(-1)
                rows.append(torch.cat([pooled, probabilities], 1).cpu().numpy())
        return np.concatenate(rows)


class EffNetLite0Halves:
    """Class probabilities of a picture's left, right, upper and lower half, averaged: 1000 numbers.

    A classifier names one thing, and a half often holds just one of two. Each half is squashed to the
    network's square as a whole picture is; a picture one pixel wide or high is its own half.
    """

    name = "effnet_lite0_halves"
    identity = f"{EffNetLite0.identity}|mean-of-4-halves"
    dim = 1000

    def __init__(self, whole: EffNetLite0) -> None:
        self._whole = whole

    def extract_images(self, images: Sequence[RgbImage]) -> Vectors:
        """See ImageExtractor. float32 (n, 1000), each row a distribution."""
        return self.extract_prepared([self.prepare(image) for image in images])

    def prepare(self, image: RgbImage) -> Vectors:
        """See Prepares. float32 (4, 224, 224, 3)."""
        return np.stack([preprocess(half) for half in halves(image)])

    def extract_prepared(self, batch: Sequence[NDArray[Any]]) -> Vectors:
        """See Prepares."""
        parts = [part for four in batch for part in four]
        probabilities = self._whole.extract_prepared(parts)[:, PROBABILITIES]
        means: Vectors = probabilities.reshape(-1, 4, self.dim).mean(1)
        return means


def halves(image: RgbImage) -> tuple[RgbImage, RgbImage, RgbImage, RgbImage]:
    """Left, right, upper and lower half of (height, width, 3); a middle line belongs to both."""
    height, width = image.shape[:2]
    x, y = (width + 1) // 2, (height + 1) // 2
    return image[:, :x], image[:, width - x :], image[:y], image[height - y :]


def preprocess(image: RgbImage) -> Vectors:
    """RGB uint8 (height, width, 3) to what the network sees: float32 (224, 224, 3), about -1..1."""
    small = Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return (np.asarray(small, np.float32) - 127.0) / 128.0


def build(setting: Setting) -> EffNetLite0:
    """Builds the extractor from weights found by `harness.weights`. Raises InputError without them."""
    return EffNetLite0(find("efficientnet-lite0", setting.weights).path, setting.device)


def build_halves(setting: Setting) -> EffNetLite0Halves:
    """As `build`, for the halves."""
    return EffNetLite0Halves(build(setting))


def class_names() -> list[str]:
    """The 1000 ImageNet class names in index order, OpenAI's curated ones as open_clip ships them."""
    import open_clip

    return list(open_clip.IMAGENET_CLASSNAMES)
