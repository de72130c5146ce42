from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from harness.report.thumbnails import LOSSLESS_SIDE, STEPS, first_step, thumbnail


def _noise(width: int, height: int, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    return Image.fromarray(pixels)


def _decoded(uri: str) -> Image.Image:
    kind, data = uri.split(",")
    assert kind == "data:image/webp;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 400), st.integers(1, 400), st.integers(300, 60_000))
def test_a_thumbnail_is_what_it_says_and_keeps_its_proportions(width: int, height: int, budget: int) -> None:
    small = thumbnail(_noise(width, height), budget)
    assert _decoded(small.uri).size == small.size
    assert max(small.size) <= max(STEPS[0][0], LOSSLESS_SIDE)
    scale = max(small.size) / max(width, height)
    assert abs(small.size[0] - width * scale) <= 1
    assert abs(small.size[1] - height * scale) <= 1


@pytest.mark.parametrize("budget", [2_000, 8_000, 30_000])
def test_the_budget_is_kept_where_it_can_be(budget: int) -> None:
    data = base64.b64decode(thumbnail(_noise(512, 512), budget).uri.split(",")[1])
    least = base64.b64decode(thumbnail(_noise(512, 512), 1, first=len(STEPS) - 1).uri.split(",")[1])
    assert len(data) <= max(budget, len(least))


def test_the_first_step_suits_most_pictures() -> None:
    noisy, plain = [_noise(512, 512, seed) for seed in range(3)], [Image.new("RGB", (512, 512), "teal")] * 9
    assert first_step(plain, 5_000) == 0
    assert first_step([*plain, *noisy], 5_000) == 0
    assert first_step(noisy, 5_000) > 1
    assert first_step(noisy, 1) == len(STEPS) - 1
    assert first_step([], 5_000) == 0
