"""The scenes judge's eye as an extractor: a picture's vector is the list of objects seen in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harness.decode import RgbImage
from harness.extractors.base import Setting
from harness.rows import Vectors
from harness.scenes_judge.decode import DIM, to_vector
from harness.scenes_judge.detect import load_eye, shipped_weights
from harness.weights import file_sha256


class ScenesJudge:
    """Up to 16 detections a picture, eight numbers each; see `harness.scenes_judge.decode`.

    Preprocessing: averaged over areas to 128 x 128 (smaller pictures enlarged, others than squares squashed).
    """

    name = "scenes_judge"
    dim = DIM

    def __init__(self, weights: Path, device: str = "cpu") -> None:
        self._eye, _ = load_eye(weights, device)
        self.identity = f"scenes-judge-{file_sha256(weights)[:8]}|area128|t{self._eye.threshold:g}"

    def extract_images(self, images: Sequence[RgbImage]) -> Vectors:
        """See ImageExtractor. float32 (n, 128)."""
        rows = [to_vector(seen) for seen in self._eye.look(images)]
        return np.stack(rows) if rows else np.empty((0, self.dim), np.float32)


def build(setting: Setting) -> ScenesJudge:
    """Builds the extractor from the shipped weights. Raises InputError where they cannot be used."""
    return ScenesJudge(shipped_weights(), setting.device)
