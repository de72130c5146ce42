"""Colours of detections: crops by hand, and the zero-shot classifier of a small random CLIP by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.extractors.base import Setting
from harness.extractors.clip import Clip, build
from harness.geneval.colours import ColourReader, crop
from harness.geneval.detectors import Detection
from harness.geneval.rules import COLOURS


@pytest.fixture(scope="module")
def clip(tiny_clip: Any) -> Clip:
    return build(Setting(clip_model=f"local-dir:{tiny_clip.open_clip}"))


def _picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def test_a_crop_is_the_box_within_the_picture_with_grey_outside_the_mask() -> None:
    picture = _picture()
    plain = crop(picture, Detection("cat", 0.9, (9.6, 5.2, 30.4, 20.0)))
    np.testing.assert_array_equal(plain, picture[5:20, 10:30])
    np.testing.assert_array_equal(crop(picture, Detection("cat", 0.9, (-5, -5, 99, 99))), picture)
    for box in ((61, 0, 70, 10), (5, 5, 5.2, 9), (-9, -9, -1, -1)):
        assert crop(picture, Detection("cat", 0.9, box)) is None
    mask = np.zeros((40, 60), bool)
    mask[6:9, 11:14] = True
    masked = crop(picture, Detection("cat", 0.9, (10, 5, 30, 20), mask))
    assert masked is not None
    np.testing.assert_array_equal(masked[1:4, 1:4], picture[6:9, 11:14])
    assert (masked[4:] == 0x99).all()
    assert (masked[0] == 0x99).all()


def test_the_colour_is_that_of_the_nearest_mean_of_three_prompts(clip: Clip) -> None:
    picture = _picture()
    found = [
        Detection(name, 0.9, (x, 0.0, x + 20.0, 30.0)) for x, name in ((0.0, "cat"), (30.0, "wine glass"))
    ]
    expected = []
    for one in found:
        means = []
        for colour in COLOURS:
            texts = [
                f"a photo of a {colour} {one.name}",
                f"a photo of a {colour}-colored {one.name}",
                f"a photo of a {colour} object",
            ]
            mean = clip.extract_texts(texts).mean(0)
            means.append(mean / np.linalg.norm(mean))
        seen = clip.extract_images([picture[0:30, int(one.box[0]) : int(one.box[2])]])[0]
        expected.append(COLOURS[int(np.argmax(np.array(means) @ seen))])
    reader = ColourReader(clip)
    assert reader.colours(picture, found) == expected
    assert reader.colours(picture, found[::-1]) == expected[::-1]
    outside = Detection("cat", 0.9, (100, 100, 110, 110))
    assert reader.colours(picture, [outside, found[0]]) == [None, expected[0]]
    assert reader.colours(picture, []) == []
    assert clip.identity in reader.identity
