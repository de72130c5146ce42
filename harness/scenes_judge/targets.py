"""What the network should say of a picture, and how far off it is."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from harness.scenes_judge.labels import KINDS
from harness.scenes_judge.network import GRID, Raw

_SPREAD = 0.15
_LEAST_SPREAD = 0.6
_NEAR = 0.3
"""Cells where an object's bump is at least so high also learn its colour and box."""


@dataclass(frozen=True)
class Targets:
    """heat: (B, 42, G, G), bumps of height 1 at the centres; centres: the same shape, bool.

    colours: (B, G, G) class indices; boxes: (B, 4, G, G) as in `Raw`; weights: (B, G, G), 0 where no object
    is near; colour_weights: the same, 0 also where the colour is not known.
    """

    heat: Tensor
    centres: Tensor
    colours: Tensor
    boxes: Tensor
    weights: Tensor
    colour_weights: Tensor


def make_targets(kinds: Tensor, colours: Tensor, boxes: Tensor) -> Targets:
    """From kinds and colours (B, K) int64, -1 for no object and no known colour, and boxes (B, K, 4) in 0..1.

    An object's bump is a Gaussian whose spread follows its smaller side (CenterNet, section 3). Objects whose
    centre lies outside the picture are left out.
    """
    batch, places = kinds.shape
    x0, y0, x1, y1 = boxes.unbind(-1)
    cx, cy, w, h = (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0
    there = (kinds >= 0) & (cx > 0) & (cx < 1) & (cy > 0) & (cy < 1)
    column = (cx * GRID).long().clamp(0, GRID - 1)
    row = (cy * GRID).long().clamp(0, GRID - 1)
    cells = torch.arange(GRID, dtype=torch.float32)
    spread = (_SPREAD * GRID * torch.minimum(w, h)).clamp(min=_LEAST_SPREAD)[..., None, None]
    dx = cells[None, None, None, :] - column[..., None, None]
    dy = cells[None, None, :, None] - row[..., None, None]
    bumps = torch.exp(-(dx**2 + dy**2) / (2 * spread**2)) * there[..., None, None]  # (B, K, G, G)
    heat = torch.zeros(batch, len(KINDS), GRID, GRID)
    centres = torch.zeros(heat.shape, dtype=torch.bool)
    for place in range(places):
        rows = torch.nonzero(there[:, place]).flatten()
        kind = kinds[rows, place]
        heat[rows, kind] = torch.maximum(heat[rows, kind], bumps[rows, place])
        centres[rows, kind, row[rows, place], column[rows, place]] = True
    strength, owner = bumps.max(1)  # the object that a cell belongs to
    weights = torch.where(strength >= _NEAR, strength, 0.0)

    def of_owner(values: Tensor) -> Tensor:
        return values[..., None, None].expand(-1, -1, GRID, GRID).gather(1, owner[:, None])[:, 0]

    middle = cells + 0.5
    target = torch.stack(
        [
            of_owner(cx) * GRID - middle[None, None, :],
            of_owner(cy) * GRID - middle[None, :, None],
            of_owner(w),
            of_owner(h),
        ],
        1,
    )
    known = of_owner(colours)
    return Targets(heat, centres, known.clamp(min=0), target, weights, weights * (known >= 0))


def loss_of(raw: Raw, targets: Targets) -> tuple[Tensor, dict[str, float]]:
    """The scalar loss and its three parts: centres (CenterNet's focal loss), colours, boxes.

    The focal loss is divided by the number of objects; colours (cross-entropy, in nats) and boxes (absolute
    error, x and y in cells and sides in pictures times ten) are weighted means over the cells near objects.
    """
    log_yes, log_no = F.logsigmoid(raw.kinds), F.logsigmoid(-raw.kinds)
    yes = log_yes.exp()
    at_centre = (1 - yes) ** 2 * log_yes
    elsewhere = (1 - targets.heat) ** 4 * yes**2 * log_no
    kinds = -torch.where(targets.centres, at_centre, elsewhere).sum() / targets.centres.sum().clamp(min=1)
    total = targets.weights.sum().clamp(min=1)
    entropy = F.cross_entropy(raw.colours, targets.colours, reduction="none")
    colours = (targets.colour_weights * entropy).sum() / targets.colour_weights.sum().clamp(min=1)
    scale = torch.tensor([1.0, 1.0, 10.0, 10.0])[None, :, None, None]
    error = ((raw.boxes - targets.boxes).abs() * scale).mean(1)
    boxes = (targets.weights * error).sum() / total
    parts = {
        "centres": float(kinds.detach()),
        "colours": float(colours.detach()),
        "boxes": float(boxes.detach()),
    }
    return kinds + 0.5 * colours + 0.5 * boxes, parts
