"""The threshold: from how sure on the detector's word counts, chosen on distorted real renderings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from harness.scenes_judge.decode import decode, overlap
from harness.scenes_judge.detect import maps_of
from harness.scenes_judge.labels import KINDS, Detection
from harness.scenes_judge.network import Detector

THRESHOLDS: tuple[float, ...] = tuple(round(0.1 + 0.05 * i, 2) for i in range(15))
MATCH = 0.5
"""The least intersection over union of a hit."""


def see(network: Detector, pictures: Tensor, threshold: float) -> list[tuple[Detection, ...]]:
    """Detections of pictures (B, 3, 128, 128) in [-1, 1], already at the network's size."""
    network.eval()
    with torch.inference_mode():
        raw = network(pictures.contiguous(memory_format=torch.channels_last))
    return [decode(*maps, threshold) for maps in maps_of(raw)]


def f1_by_threshold(
    seen: Sequence[tuple[Detection, ...]], kinds: Tensor, boxes: Tensor
) -> dict[float, float]:
    """F1 of the detections at each threshold against kinds (B, K), -1 for none, and boxes (B, K, 4).

    A detection hits an object of its kind whose box overlaps by 0.5 or more; each object counts once.
    """
    scores: list[float] = []
    hits: list[bool] = []
    present = 0
    for detections, of_kind, of_box in zip(seen, kinds.tolist(), boxes.tolist(), strict=True):
        left = [(KINDS[k], tuple(b)) for k, b in zip(of_kind, of_box, strict=True) if k >= 0]
        present += len(left)
        for d in detections:
            hit = next((o for o in left if o[0] == d.kind and overlap(d.box, o[1]) >= MATCH), None)
            if hit is not None:
                left.remove(hit)
            scores.append(d.score)
            hits.append(hit is not None)
    sure, right = np.array(scores), np.array(hits, dtype=bool)
    found = {}
    for threshold in THRESHOLDS:
        counted = sure >= threshold
        found[threshold] = float(2 * right[counted].sum() / max(1, counted.sum() + present))
    return found


def choose_threshold(f1: dict[float, float]) -> float:
    """The strictest threshold whose F1 is within 0.001 of the best."""
    best = max(f1.values())
    return max(threshold for threshold, value in f1.items() if value >= best - 0.001)
