"""Distortions of real renderings, so that the judge also reads soft, wobbly or noisy pictures.

All are pure functions of a numpy generator. Pictures are (B, 3, S, S) float in [-1, 1] unless said otherwise.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

Rng = np.random.Generator


@dataclass(frozen=True)
class DistortConfig:
    """How strong the distortions of training are; 0 switches one off.

    zoom: picture scaled by 1 - zoom .. 1 + zoom; shift: moved by so much of its side; wobble: elastic
    displacement, standard deviation in shares of the side; smallest: least side in pixels that a picture is
    shrunk to before it is enlarged again; blur: greatest Gaussian sigma in pixels of 128; noise: greatest
    standard deviation on [-1, 1]; tint: greatest shift of a channel on [-1, 1]; contrast: greatest change;
    smudged and thickened: shares of groups of pictures with blurred patches, and with thicker dark lines;
    recoloured: share of pictures whose colours are exchanged for others.
    """

    zoom: float = 0.15
    shift: float = 0.06
    wobble: float = 0.02
    smallest: int = 28
    blur: float = 2.5
    noise: float = 0.25
    tint: float = 0.06
    contrast: float = 0.12
    smudged: float = 0.2
    thickened: float = 0.1
    recoloured: float = 0.25


def warp(pictures: Tensor, boxes: Tensor, config: DistortConfig, rng: Rng) -> tuple[Tensor, Tensor]:
    """Zooms, shifts and wobbles; boxes (B, K, 4) follow zoom and shift and are cut at the frame."""
    batch, _, side, _ = pictures.shape
    scale = torch.tensor(1 + config.zoom * (2 * rng.random(batch) - 1), dtype=torch.float32)
    move = torch.tensor(config.shift * (2 * rng.random((batch, 2)) - 1), dtype=torch.float32)
    theta = torch.zeros(batch, 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = 1 / scale
    theta[:, :, 2] = -2 * move / scale[:, None]
    where = F.affine_grid(theta, [batch, 3, side, side], align_corners=False)
    strength = torch.tensor(config.wobble * rng.random((batch, 1, 1, 1)), dtype=torch.float32)
    bends = torch.tensor(rng.standard_normal((batch, 2, 9, 9)), dtype=torch.float32) * strength * 2
    where = where + F.interpolate(bends, size=(side, side), mode="bicubic").permute(0, 2, 3, 1)
    warped = F.grid_sample(pictures, where, padding_mode="border", align_corners=False)
    moved = (boxes - 0.5) * scale[:, None, None] + 0.5 + move.repeat(1, 2)[:, None, :]
    return warped, moved.clamp(0, 1)


def recolour(pictures: Tensor, share: float, rng: Rng) -> tuple[Tensor, Tensor]:
    """Exchanges the colours of some pictures; also says which, (B,) bool.

    Shapes in arbitrary colours make the network know a broccoli by its shape and not by its green. Half of
    the chosen pictures get their channels exchanged and their saturation changed, the others a random curve
    for each channel, which makes any tone any other.
    """
    changed = torch.tensor(rng.random(len(pictures)) < share)
    out = pictures.clone()
    for row in torch.nonzero(changed).flatten().tolist():
        picture = pictures[row]
        if rng.random() < 0.5:
            mixed = picture[torch.tensor(rng.permutation(3))]
            grey = mixed.mean(0, keepdim=True)
            out[row] = grey + (mixed - grey) * float(rng.choice([0.0, 0.6, 1.0, 1.4]))
        else:
            knots = torch.tensor(2 * rng.random((3, 6)) - 1, dtype=torch.float32)
            place = (picture.clamp(-1, 1) + 1) * 2.5
            below = place.long().clamp(max=4)
            low, high = (knots.gather(1, (below + step).flatten(1)).view_as(picture) for step in (0, 1))
            out[row] = torch.lerp(picture, torch.lerp(low, high, place - below), 0.6 + 0.4 * rng.random())
    return out, changed


def blur(pictures: Tensor, sigma: float) -> Tensor:
    """Gaussian blur with `sigma` pixels; edges are mirrored."""
    reach = max(1, math.ceil(3 * sigma))
    kernel = torch.exp(-(torch.arange(-reach, reach + 1.0) ** 2) / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    padded = F.pad(pictures.flatten(0, 1)[:, None], (reach,) * 4, mode="reflect")
    across = F.conv2d(padded, kernel[None, None, None, :])
    return F.conv2d(across, kernel[None, None, :, None]).view_as(pictures)


def smudge(pictures: Tensor, sigma: float, share: float, rng: Rng) -> Tensor:
    """Blurs soft-edged patches, about `share` of each picture, with `sigma` pixels."""
    batch, _, side, _ = pictures.shape
    coarse = torch.tensor(rng.random((batch, 1, 10, 10)), dtype=torch.float32)
    patches = F.interpolate((coarse < share).float(), size=(side, side), mode="bilinear", align_corners=False)
    return torch.lerp(pictures, blur(pictures, sigma), patches)


def thicken(pictures: Tensor) -> Tensor:
    """Makes dark lines two pixels wider: each pixel becomes the darkest of the 3 x 3 around it."""
    return -F.max_pool2d(-pictures, 3, stride=1, padding=1)


def shrink_and_enlarge(pictures: Tensor, side: int, mode: str) -> Tensor:
    """Averages over areas down to `side` pixels and enlarges again, by "bilinear" or "bicubic"."""
    small = F.interpolate(pictures, size=(side, side), mode="area")
    return F.interpolate(small, size=pictures.shape[-2:], mode=mode, align_corners=False)


def jpeg(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """An RGB picture (H, W, 3) as it comes back from a JPEG file."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("RGB"))


def degrade(pictures: Tensor, config: DistortConfig, rng: Rng, group: int = 8) -> Tensor:
    """Colour shifts, changed lines, loss of resolution, blur, noise and JPEG; in [-1, 1].

    `group` pictures share the kinds of loss and their strengths.
    """
    batch = len(pictures)

    def spread(shape: tuple[int, ...], most: float) -> Tensor:
        return torch.tensor(most * (2 * rng.random(shape) - 1), dtype=torch.float32)

    pictures = pictures * (1 + spread((batch, 1, 1, 1), config.contrast))
    pictures = pictures + spread((batch, 3, 1, 1), config.tint)
    done = []
    for part in torch.split(pictures, group):
        lost = part
        if rng.random() < config.thickened:
            lost = thicken(lost)
        if rng.random() < config.smudged:
            lost = smudge(lost, 1.5 + 2.5 * rng.random(), 0.1 + 0.3 * rng.random(), rng)
        if rng.random() < 0.5:
            # Half the groups lose resolution, as often to 64 pixels as below that.
            side = 64 if rng.random() < 0.5 else int(rng.integers(config.smallest, 100))
            lost = shrink_and_enlarge(lost, side, "bicubic" if rng.random() < 0.5 else "bilinear")
        if rng.random() < 0.4:
            lost = blur(lost, 0.3 + (config.blur - 0.3) * rng.random())
        if rng.random() < 0.3:
            grain = torch.tensor(rng.standard_normal(lost.shape, dtype=np.float32))
            lost = lost + config.noise * rng.random() ** 2 * grain
        if rng.random() < 0.2:
            pixels = ((lost.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
            quality = int(rng.integers(25, 95))
            read = np.stack([jpeg(picture, quality) for picture in pixels])
            lost = torch.from_numpy(read).permute(0, 3, 1, 2).float() / 127.5 - 1
        done.append(lost)
    return torch.cat(done).clamp(-1, 1)
