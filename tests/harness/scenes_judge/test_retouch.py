"""Repainted and scrambled objects."""

from __future__ import annotations

import numpy as np

from drawbench.scenes import Scene, Thing, layout, render
from drawbench.scenes.objects import PAINTS
from drawbench.scenes.sprites import background_pixels
from harness.scenes_judge.labels import COLOUR_LABELS, KINDS, main_fill
from harness.scenes_judge.retouch import Objects, RetouchConfig, repaint, scramble

CAR = Scene((Thing("car", "red"),), background="grass")
GROUND = background_pixels("grass", 128)


def _car() -> tuple[np.ndarray, Objects]:
    (placed,) = layout(CAR, 3)
    objects = Objects(
        np.array([KINDS.index("car"), -1]),
        np.array([COLOUR_LABELS.index("red"), 0]),
        np.array([placed.box, (0, 0, 0, 0)], np.float32),
        np.array([main_fill("car", "red"), (0, 0, 0)], np.uint8),
    )
    return render(CAR, 128, 3), objects


def _share_near(picture: np.ndarray, colour: tuple[int, int, int]) -> float:
    return float((np.abs(picture.astype(int) - colour).max(-1) < 30).mean())


def test_a_repainted_object_has_its_new_colour_and_label_and_nothing_else_changes() -> None:
    config = RetouchConfig(repainted=1.0, any_colour=0.0, spread=0.0)
    labels = set()
    for seed in range(12):
        picture, objects = _car()
        before = picture.copy()
        repaint(picture, GROUND, objects, config, np.random.default_rng(seed))
        word = COLOUR_LABELS[objects.colours[0]]
        labels.add(word)
        if word != "black":  # the outlines are black too
            np.testing.assert_allclose(
                _share_near(picture, PAINTS[word]) - _share_near(GROUND, PAINTS[word]),
                _share_near(before, PAINTS["red"]),
                atol=0.02,
            )
        ground = (before == GROUND).all(-1)
        assert np.array_equal(picture[ground], before[ground])
        outline = before.max(-1) < 10
        assert picture[outline].max() < 60
        assert objects.kinds.tolist() == [KINDS.index("car"), -1]
    assert len(labels) > 4


def test_an_arbitrary_colour_has_no_name_and_none_may_be_changed() -> None:
    picture, objects = _car()
    before = picture.copy()
    repaint(picture, GROUND, objects, RetouchConfig(repainted=0.0), np.random.default_rng(0))
    assert np.array_equal(picture, before)
    repaint(picture, GROUND, objects, RetouchConfig(1.0, any_colour=1.0), np.random.default_rng(0))
    assert objects.colours.tolist() == [-1, 0]
    assert not np.array_equal(picture, before)


def test_scrambled_objects_are_struck_out_and_their_pixels_moved_within_the_box() -> None:
    picture, objects = _car()
    before = picture.copy()
    scramble(picture, objects, 1.0, np.random.default_rng(0))
    assert objects.kinds.tolist() == [-1, -1]
    assert not np.array_equal(picture, before)
    assert np.array_equal(np.sort(picture, axis=None), np.sort(before, axis=None))
    overlapping = Objects(
        np.array([5, 6]), np.array([0, 0]), np.repeat(objects.boxes[:1], 2, 0), objects.mains
    )
    scramble(picture, overlapping, 1.0, np.random.default_rng(0))
    assert overlapping.kinds.tolist() == [5, 6]
