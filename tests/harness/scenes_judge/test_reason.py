"""Verdicts in words."""

from __future__ import annotations

import pytest

from drawbench.scenes import Scene, Thing
from harness.scenes_judge.labels import Detection, own_colour
from harness.scenes_judge.reason import reason

LEFT, RIGHT = (0.1, 0.4, 0.3, 0.6), (0.7, 0.4, 0.9, 0.6)


def cars(*colours: str) -> tuple[Detection, ...]:
    return tuple(Detection("car", colour, LEFT) for colour in colours)


def own(kind: str, box: tuple[float, float, float, float]) -> Detection:
    return Detection(kind, own_colour(kind), box)


@pytest.mark.parametrize(
    ("scene", "seen", "line"),
    [
        (
            Scene((Thing("car", "red", 2),)),
            cars("red", "blue"),
            "asked for two red cars; saw one red car and one blue car",
        ),
        (
            Scene((Thing("car", "red", 2),)),
            cars("red", "red"),
            "right: asked for two red cars; saw two red cars",
        ),
        (Scene((Thing("car", "blue"),)), cars("red"), "asked for a blue car; saw one red car"),
        (Scene((Thing("car"),)), cars("red"), "right: asked for a car; saw one car"),
        (Scene((Thing("car"),)), cars("pink"), "right: asked for a car; saw one pink car"),
        (
            Scene((Thing("elephant", "red"),)),
            (Detection("elephant", "grey", LEFT),),
            "asked for a red elephant; saw one grey elephant",
        ),
        (Scene((Thing("apple"),)), (), "asked for an apple; saw none of the world's objects"),
        (Scene((Thing("apple"),)), cars(*["red"] * 7), "asked for an apple; saw 7 cars"),
        (
            Scene((Thing("cat", "red"), Thing("dog")), "left of"),
            (own("dog", LEFT), Detection("cat", "red", RIGHT)),
            "asked for a red cat left of a dog; saw one red cat right of one dog",
        ),
        (
            Scene((Thing("cat"), Thing("dog")), "above"),
            (own("dog", LEFT), own("cat", LEFT)),
            "asked for a cat above a dog; saw one cat and one dog at the same place",
        ),
        (
            Scene((Thing("cat"), Thing("dog")), "above"),
            (own("cat", LEFT), own("bus", RIGHT), own("cat", RIGHT)),
            "asked for a cat above a dog; saw two cats and one bus",
        ),
        (Scene((), word="HELLO"), cars("red"), "asked for a written word alone, which is not judged"),
    ],
)
def test_reasons(scene: Scene, seen: tuple[Detection, ...], line: str) -> None:
    assert reason(scene, seen) == line
