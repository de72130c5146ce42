"""Conditions under which the judge is checked: sizes and distortions of real renderings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harness.decode import RgbImage
from harness.scenes_judge.distort import DistortConfig, blur, jpeg, warp

Distortion = Callable[[RgbImage, np.random.Generator], RgbImage]


@dataclass(frozen=True)
class Condition:
    """A rendering size in pixels and what is then done to the picture."""

    name: str
    size: int
    distortion: Distortion | None = None

    def apply(self, picture: RgbImage, rng: np.random.Generator) -> RgbImage:
        """The picture (H, W, 3) uint8, distorted."""
        return picture if self.distortion is None else self.distortion(picture, rng)


def blurred(share: float) -> Distortion:
    """Gaussian blur whose sigma is `share` of the picture's side."""

    def apply(picture: RgbImage, rng: np.random.Generator) -> RgbImage:
        pixels = torch.from_numpy(picture.astype(np.float32)).permute(2, 0, 1)[None]
        return _bytes(blur(pixels, share * picture.shape[0])[0].permute(1, 2, 0).numpy())

    return apply


def noisy(sigma: float) -> Distortion:
    """White Gaussian noise of `sigma` grey levels of 255 in every pixel and channel."""

    def apply(picture: RgbImage, rng: np.random.Generator) -> RgbImage:
        return _bytes(picture + sigma * rng.standard_normal(picture.shape, dtype=np.float32))

    return apply


def compressed(quality: int) -> Distortion:
    """JPEG of this quality."""
    return lambda picture, rng: jpeg(picture, quality)


def wobbly(strength: float) -> Distortion:
    """Elastic displacement whose standard deviation is up to `strength` of the picture's side."""
    config = DistortConfig(zoom=0.0, shift=0.0, wobble=strength)

    def apply(picture: RgbImage, rng: np.random.Generator) -> RgbImage:
        pixels = torch.from_numpy(picture.astype(np.float32)).permute(2, 0, 1)[None]
        warped, _ = warp(pixels, torch.zeros(1, 1, 4), config, rng)
        return _bytes(warped[0].permute(1, 2, 0).numpy())

    return apply


PLAIN: tuple[Condition, ...] = tuple(Condition(f"{size} px", size) for size in (64, 256, 1024))
"""Undistorted: where the judge must be right."""

DISTORTED: tuple[Condition, ...] = (
    *(
        Condition(f"256 px, blur sigma {share:.1%} of the side", 256, blurred(share))
        for share in (0.01, 0.02, 0.03)
    ),
    *(Condition(f"256 px, noise sigma {sigma} of 255", 256, noisy(sigma)) for sigma in (16, 32, 64)),
    *(Condition(f"256 px, JPEG quality {quality}", 256, compressed(quality)) for quality in (50, 20)),
    *(Condition(f"256 px, elastic up to {s:.1%} of the side", 256, wobbly(s)) for s in (0.01, 0.02)),
)
"""How the judge degrades."""


def _bytes(pixels: NDArray[np.floating[Any]]) -> RgbImage:
    rounded: RgbImage = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    return rounded
