"""Pictures made by code for control trials and practice: plainly degraded ones, and noise."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.decode import RgbImage
from human_eval_app.pictures.framing import Frame, Size
from human_eval_app.pictures.sources import PictureSource, SourceKind

DEGRADED_CELLS = 20
"""A degraded picture keeps this many blocks along its longer side."""

_NOISE_CELLS = 32
_LEVELS = 4
_JITTER = 40.0


def degrade(image: RgbImage, seed: int) -> RgbImage:
    """A picture that no one takes for a better one: large blocks, few colours, each block off in colour.

    uint8 (h, w, 3) to the same shape; equal for equal arguments.
    """
    height, width = image.shape[:2]
    scale = DEGRADED_CELLS / max(height, width)
    cells = max(2, round(width * scale)), max(2, round(height * scale))
    small = np.asarray(Image.fromarray(np.ascontiguousarray(image)).resize(cells, Image.Resampling.BOX))
    drawn = np.random.default_rng(seed)
    shifted = small.astype(np.float64) + drawn.normal(0.0, _JITTER, small.shape)
    step = 255.0 / (_LEVELS - 1)
    posterised = (np.rint(shifted.clip(0, 255) / step) * step).astype(np.uint8)
    return np.asarray(Image.fromarray(posterised).resize((width, height), Image.Resampling.NEAREST))


def noise(frame: Frame, seed: int) -> RgbImage:
    """Blocks of random colour, uint8 (frame.height, frame.width, 3); equal for equal arguments."""
    cells = (_NOISE_CELLS, _NOISE_CELLS, 3)
    blocks: NDArray[np.uint8] = np.random.default_rng(seed).integers(0, 256, cells, dtype=np.uint8)
    resized = Image.fromarray(blocks).resize((frame.width, frame.height), Image.Resampling.NEAREST)
    return np.asarray(resized)


@dataclass(frozen=True)
class DegradedSource:
    """Another source's pictures, each degraded beyond doubt."""

    name: str
    base: PictureSource
    seed: int = 0
    kind: SourceKind = "made"

    @property
    def identity(self) -> Mapping[str, str]:
        """See `PictureSource`."""
        return {"pictures": f"of {self.base.name}, degraded to {DEGRADED_CELLS} blocks and {_LEVELS} levels"}

    def indices(self, prompt_id: str) -> tuple[int, ...]:
        """See `PictureSource`."""
        return self.base.indices(prompt_id)

    def size(self, prompt_id: str, index: int) -> Size | None:
        """See `PictureSource`."""
        return self.base.size(prompt_id, index)

    def pixels(self, prompt_id: str, index: int, frame: Frame) -> RgbImage:
        """See `PictureSource`."""
        return degrade(self.base.pixels(prompt_id, index, frame), _stream(self.seed, prompt_id, index))


@dataclass(frozen=True)
class NoiseSource:
    """Noise for any prompt."""

    name: str
    samples: int
    seed: int = 0
    kind: SourceKind = "made"

    @property
    def identity(self) -> Mapping[str, str]:
        """See `PictureSource`."""
        return {"pictures": f"{_NOISE_CELLS} x {_NOISE_CELLS} blocks of random colour"}

    def indices(self, prompt_id: str) -> tuple[int, ...]:
        """See `PictureSource`."""
        return tuple(range(self.samples))

    def size(self, prompt_id: str, index: int) -> Size | None:
        """None: drawn at any size."""
        return None

    def pixels(self, prompt_id: str, index: int, frame: Frame) -> RgbImage:
        """See `PictureSource`."""
        return noise(frame, _stream(self.seed, prompt_id, index))


def _stream(seed: int, prompt_id: str, index: int) -> int:
    return int.from_bytes(hashlib.sha256(f"made|{seed}|{prompt_id}|{index}".encode()).digest()[:8], "big")
