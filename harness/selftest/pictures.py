"""The self-test's pictures, made by whole-number arithmetic: the same everywhere, no file, no decoder."""

from __future__ import annotations

import numpy as np

from harness.decode import RgbImage


def chart(height: int, width: int, kind: int = 0) -> RgbImage:
    """RGB uint8 (height, width, 3): slopes, chirps and checks, so that filters show. `kind` varies it."""
    y, x = np.mgrid[:height, :width]
    slope = (x * (37 + 6 * kind) + y * 11) // 4 % 256
    chirp = (x * x // 5 + y * y // (7 + kind)) % 256
    checks = 255 * ((x // 3 + y // (5 + kind)) % 2)
    return np.stack([slope, chirp, checks], axis=-1).astype(np.uint8)
