"""DINOv2's class token, the features of FD-DINOv2 (Stein et al. 2023, "Exposing flaws of generative model
evaluation metrics").

It follows dgm-eval, the paper's code: pictures are squashed to 224 x 224 with Pillow's antialiased bicubic
filter in 8 bits, scaled to 0..1 and normalised with ImageNet's mean and deviation; the vector is the class
token after the last layer norm. Positions are the one place where transformers' network differs from Meta's
own, which dgm-eval loads: see `hub_positions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from drawbench.errors import InputError
from harness.decode import RgbImage
from harness.extractors.base import Setting, inference, micro_batch
from harness.rows import Vectors
from harness.weights import file_sha256, find

LARGE, BASE = "dinov2-large", "dinov2-base"
SIDE = 224
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_STD = np.array([0.229, 0.224, 0.225], np.float32)


class DinoV2:
    """A DINOv2 of transformers in fp32: the class token after the last layer norm, not of unit length.

    `folder` holds config.json and model.safetensors. Raises InputError where they cannot be loaded or are
    incomplete.
    """

    def __init__(
        self, folder: Path, name: str = "dinov2", model: str = "vitl14", device: str = "cpu"
    ) -> None:
        self.name = name
        self._network = _load(folder).eval().to(device)
        self._device = device
        self.dim = int(self._network.config.hidden_size)
        weights = file_sha256(folder / "model.safetensors")[:8]
        self.identity = f"dinov2-{model}-{weights}|squash-bicubic{SIDE}|imagenet-norm|cls|positions+0.1"

    def prepare(self, image: RgbImage) -> Vectors:
        """RGB uint8 (height, width, 3) to what the network sees: float32 (3, 224, 224), about -2..3."""
        return preprocess(image)

    def extract_prepared(self, prepared: Sequence[Vectors]) -> Vectors:
        """Features (n, dim) of prepared pictures, float32."""
        import torch

        size = micro_batch(self._device)
        rows = [np.empty((0, self.dim), np.float32)]
        with inference(self._device):
            for start in range(0, len(prepared), size):
                batch = torch.from_numpy(np.stack(prepared[start : start + size])).to(self._device)
                rows.append(self._network(pixel_values=batch).pooler_output.float().cpu().numpy())
        return np.concatenate(rows)

    def extract_images(self, images: Sequence[RgbImage]) -> Vectors:
        """See ImageExtractor. float32 (n, dim)."""
        return self.extract_prepared([self.prepare(image) for image in images])


def preprocess(image: RgbImage) -> Vectors:
    """RGB uint8 (height, width, 3) to what the network sees: float32 (3, 224, 224), about -2..3."""
    small = Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return normalise(np.asarray(small, np.float32))


def normalise(levels: Vectors) -> Vectors:
    """Levels 0..255 (height, width, 3) without ImageNet's mean and deviation, float32 (3, height, width)."""
    return np.ascontiguousarray(((levels / 255 - _MEAN) / _STD).transpose(2, 0, 1))


def hub_positions(positions: Any, side: int) -> Any:
    """Position embeddings (1, 1 + N, d) of a square grid for a grid of side x side, (1, 1 + side^2, d).

    Meta's code hands the bicubic interpolation the scale (side + 0.1) / sqrt(N) and not the one that side
    itself would give, and so did those who published numbers; transformers takes the latter, which moves the
    features by a few parts in a thousand. The class token's own embedding, the first, stays.
    """
    import torch

    n, d = positions.shape[1] - 1, positions.shape[2]
    old = round(n**0.5)
    if old == side:
        return positions
    grid = positions[:, 1:].reshape(1, old, old, d).permute(0, 3, 1, 2)
    scale = (side + 0.1) / old
    moved = torch.nn.functional.interpolate(grid, scale_factor=(scale, scale), mode="bicubic")
    return torch.cat([positions[:, :1], moved.permute(0, 2, 3, 1).reshape(1, side * side, d)], dim=1)


def build(setting: Setting) -> DinoV2:
    """ViT-L/14 from weights found by `harness.weights`. Raises InputError without them."""
    return DinoV2(find(LARGE, setting.weights).path, "dinov2", "vitl14", setting.device)


def build_base(setting: Setting) -> DinoV2:
    """As `build`, ViT-B/14."""
    return DinoV2(find(BASE, setting.weights).path, "dinov2_b14", "vitb14", setting.device)


def _load(folder: Path) -> Any:
    import torch
    from transformers import Dinov2Model
    from transformers.utils import logging

    logging.disable_progress_bar()  # the caller shows progress
    try:
        network, report = Dinov2Model.from_pretrained(
            str(folder), local_files_only=True, dtype=torch.float32, output_loading_info=True
        )
        lacking = sorted(report["missing_keys"])
        if lacking:
            raise InputError(f"{folder} holds no whole DINOv2: {lacking[0]} is not in it")
        side = SIDE // int(network.config.patch_size)
        with torch.no_grad():
            positions = hub_positions(network.embeddings.position_embeddings, side)
        network.embeddings.position_embeddings = torch.nn.Parameter(positions, requires_grad=False)
    except InputError:
        raise
    except Exception as error:  # what a file that is something else makes torch raise has no bounds
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(f"{folder} holds no DINOv2 that can be loaded: {reason}") from None
    return network
