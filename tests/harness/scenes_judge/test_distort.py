"""Distortions of training: what they keep and what they change."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from drawbench.scenes import Scene, Thing, layout, render
from harness.scenes_judge.distort import (
    DistortConfig,
    blur,
    degrade,
    jpeg,
    recolour,
    shrink_and_enlarge,
    smudge,
    thicken,
    warp,
)

CAR = Scene((Thing("car", "red"),))


def _picture(seed: int = 3) -> tuple[np.ndarray, torch.Tensor]:
    pixels = render(CAR, 128, seed)
    return pixels, torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 127.5 - 1


def _red_box(picture: torch.Tensor) -> list[float]:
    """Where (3, S, S) in [-1, 1] is red: x0, y0, x1, y1 in shares."""
    red = (picture[0] > 0.3) & (picture[1] < -0.2)
    rows, columns = torch.nonzero(red.any(1)).flatten(), torch.nonzero(red.any(0)).flatten()
    ends = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    return [float(v) / picture.shape[-1] for v in ends]


def test_boxes_follow_zoom_and_shift() -> None:
    pixels, signed = _picture()
    (car,) = layout(CAR, 3)
    config = DistortConfig(zoom=0.2, shift=0.05, wobble=0.0)
    before = np.array(_red_box(signed[0])) - car.box  # the box also holds the wheels
    for seed in range(5):
        rng = np.random.default_rng(seed)
        warped, boxes = warp(signed, torch.tensor([[car.box]], dtype=torch.float32), config, rng)
        after = np.array(_red_box(warped[0])) - boxes[0, 0].numpy()
        np.testing.assert_allclose(after, before, atol=0.03)
        assert not torch.equal(warped, signed)
    assert pixels.shape == (128, 128, 3)


def test_the_same_seed_gives_the_same_distortion() -> None:
    _, signed = _picture()
    batch = signed.repeat(16, 1, 1, 1)
    a, b = (degrade(batch, DistortConfig(), np.random.default_rng(4)) for _ in range(2))
    assert torch.equal(a, b)
    assert float(a.abs().max()) <= 1
    assert not torch.equal(a[0], a[1])


def test_blur_keeps_the_mean_and_lowers_contrast() -> None:
    _, signed = _picture()
    soft = blur(signed, 2.0)
    assert soft.shape == signed.shape
    assert float(soft.std()) < float(signed.std())
    torch.testing.assert_close(blur(torch.ones(1, 3, 32, 32), 1.5), torch.ones(1, 3, 32, 32))
    point = torch.zeros(1, 1, 33, 33)
    point[0, 0, 16, 16] = 1
    spread = blur(point, 2.0)[0, 0]
    offsets = torch.arange(33.0) - 16
    assert float((spread.sum(0) * offsets**2).sum()) == pytest.approx(4.0, rel=0.02)


def test_other_losses() -> None:
    pixels, signed = _picture()
    assert shrink_and_enlarge(signed, 32, "bilinear").shape == signed.shape
    assert float((thicken(signed) < -0.9).float().mean()) > float((signed < -0.9).float().mean())
    rng = np.random.default_rng(0)
    torch.testing.assert_close(smudge(signed, 3.0, 0.0, rng), signed)
    torch.testing.assert_close(smudge(signed, 3.0, 1.0, rng), blur(signed, 3.0))
    again = jpeg(pixels, 95)
    assert again.shape == pixels.shape
    assert 0 < np.abs(again.astype(int) - pixels).mean() < 4


def test_recolouring_changes_colours_and_leaves_shapes() -> None:
    _, signed = _picture()
    batch = signed.repeat(40, 1, 1, 1)
    changed, which = recolour(batch, 0.5, np.random.default_rng(0))
    assert 10 < int(which.sum()) < 30
    for before, after, said in zip(batch, changed, which.tolist(), strict=True):
        assert said or torch.equal(before, after)
        assert float(after.abs().max()) <= 1.5
    assert torch.equal(recolour(batch, 0.0, np.random.default_rng(0))[0], batch)
    flat = torch.full((8, 3, 16, 16), 0.3)
    painted, _ = recolour(flat, 1.0, np.random.default_rng(1))
    assert float(painted.std(dim=(2, 3)).max()) < 1e-6
