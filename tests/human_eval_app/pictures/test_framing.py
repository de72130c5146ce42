"""One frame for all pictures: nothing enlarged on one side only, nothing squashed."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drawbench.errors import InputError
from human_eval_app.pictures.framing import Frame, Resampling, choose_frame


def test_the_smaller_side_decides() -> None:
    frame, words = choose_frame({"a": [(64, 64)], "b": [(256, 256)] * 2}, None, "lanczos")
    assert frame == Frame(64, 64, "lanczos")
    assert "a unchanged" in words
    assert "b from 256 x 256" in words
    assert "lanczos" in words


def test_a_common_shape_is_kept() -> None:
    assert choose_frame({"a": [(96, 64)], "b": [(192, 128)]}, None, "box")[0] == Frame(96, 64, "box")
    assert choose_frame({"a": [(96, 64)], "b": [(192, 128)]}, 32, "box")[0] == Frame(48, 32, "box")


def test_other_shapes_become_squares() -> None:
    frame, words = choose_frame({"a": [(64, 64)], "b": [(640, 480), (480, 640)]}, None, "lanczos")
    assert frame == Frame(64, 64)
    assert "middle square" in words
    assert "480 x 640 to 640 x 480" in words


def test_enlarging_one_side_only_is_refused() -> None:
    sizes = {"small": [(64, 64)], "large": [(256, 256)]}
    for side in (65, 128, 256):
        with pytest.raises(InputError, match="would enlarge pictures of small"):
            choose_frame(sizes, side, "lanczos")
    assert choose_frame(sizes, 64, "lanczos")[0].width == 64
    assert choose_frame(sizes, 257, "lanczos")[0].width == 257, "both are enlarged"


@pytest.mark.parametrize("side", [0, 15, 5000])
def test_sizes_out_of_range(side: int) -> None:
    with pytest.raises(InputError, match="--size"):
        choose_frame({"a": [(64, 64)]}, side, "lanczos")


def test_pictures_drawn_at_any_size_need_a_size() -> None:
    with pytest.raises(InputError, match="give --size"):
        choose_frame({}, None, "lanczos")
    assert choose_frame({}, 128, "lanczos")[0] == Frame(128, 128)


def test_a_picture_of_the_frames_size_is_not_touched() -> None:
    image = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    assert Frame(48, 32).apply(image) is image


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 200),
    st.integers(1, 200),
    st.integers(1, 100),
    st.integers(1, 100),
    st.sampled_from(get_args(Resampling)),
)
def test_every_picture_becomes_the_frame(w: int, h: int, width: int, height: int, resampling: str) -> None:
    grey = np.full((h, w, 3), 77, np.uint8)
    out = Frame(width, height, resampling).apply(grey)  # type: ignore[arg-type]
    assert out.shape == (height, width, 3)
    assert out.dtype == np.uint8
    assert (out == 77).all()


def test_a_picture_far_from_the_frames_shape_keeps_a_pixel() -> None:
    assert Frame(1, 2).apply(np.full((1, 1, 3), 9, np.uint8)).shape == (2, 1, 3)
    assert Frame(200, 1).apply(np.full((1, 1, 3), 9, np.uint8)).shape == (1, 200, 3)


def test_the_middle_is_kept() -> None:
    image = np.zeros((10, 30, 3), np.uint8)
    image[:, 10:20] = 255
    assert (Frame(10, 10).apply(image) == 255).all()
