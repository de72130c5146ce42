"""What counts as right, by hand and on the world's own scenes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawbench.scenes import RELATIONS, Scene, Thing, spec
from drawbench.scenes.objects import COLOURS, DRAWINGS
from harness.scenes_judge.labels import GREY, OWN_COLOURS, Detection, own_colour, true_detections
from harness.scenes_judge.verdict import judge, relations

LEFT, RIGHT = (0.1, 0.4, 0.3, 0.6), (0.7, 0.4, 0.9, 0.6)
UPPER, LOWER, UNDER = (0.4, 0.1, 0.6, 0.4), (0.4, 0.6, 0.6, 0.9), (0.4, 0.39, 0.6, 0.7)


def seen(kind: str, colour: str = "grey", box: tuple[float, float, float, float] = LEFT) -> Detection:
    return Detection(kind, colour, box)


@given(st.integers(0, 10**6), st.sampled_from(["train", "test"]))
def test_true_pictures_are_right_in_everything(index: int, split: str) -> None:
    example = spec(3, index, split)  # type: ignore[arg-type]
    verdict = judge(example.scene, true_detections(example.scene, example.layout_seed))
    values = [getattr(verdict, name) for name in verdict.__dataclass_fields__]
    assert {v for v in values if v is not None} <= {1.0}
    assert (verdict.correct is None) == (not example.scene.things)
    assert (verdict.relation is None) == (example.scene.relation is None)


@given(st.integers(0, 10**6))
def test_an_empty_picture_has_nothing_right_and_only_the_strict_parts_say_so(index: int) -> None:
    scene = spec(3, index, "test").scene
    verdict = judge(scene, ())
    assert verdict.correct == verdict.objects == 0.0
    assert verdict.colours is verdict.counts is verdict.relation is None
    asked = (any(t.colour for t in scene.things), any(t.count > 1 for t in scene.things), scene.relation)
    strict = (verdict.colours_strict, verdict.counts_strict, verdict.relation_strict)
    assert strict == tuple(0.0 if part else None for part in asked)


def test_two_red_cars() -> None:
    scene = Scene((Thing("car", "red", 2),))
    both = judge(scene, (seen("car", "red"), seen("car", "red", RIGHT)))
    assert (both.correct, both.colours, both.counts) == (1, 1, 1)
    mixed = judge(scene, (seen("car", "red"), seen("car", "blue", RIGHT)))
    assert (mixed.correct, mixed.objects, mixed.colours, mixed.counts) == (0, 1, 0, 1)
    one = judge(scene, (seen("car", "red"),))
    assert (one.correct, one.colours, one.counts) == (0, 1, 0)
    three = judge(scene, (seen("car", "red"),) * 3)
    assert (three.correct, three.counts_strict) == (0, 0)


def test_a_second_object_is_wrong_where_one_was_asked_but_other_kinds_are_no_fault() -> None:
    scene = Scene((Thing("cat"),))
    assert judge(scene, (seen("cat"),)).correct == 1
    assert judge(scene, (seen("cat"), seen("dog", "red", RIGHT))).correct == 1
    twice = judge(scene, (seen("cat"), seen("cat", GREY, RIGHT)))
    assert (twice.correct, twice.objects, twice.counts) == (0, 1, None)


def test_a_half_found_pair() -> None:
    scene = Scene((Thing("cat", "red", 2), Thing("dog", "blue")))
    verdict = judge(scene, (seen("dog", "blue"),))
    assert (verdict.objects, verdict.colours, verdict.colours_strict) == (0.5, 1, 0.5)
    assert (verdict.counts, verdict.counts_strict) == (None, 0)


def test_own_colours_have_the_word_that_people_would_use() -> None:
    unpainted = Scene((Thing("banana"), Thing("elephant")), "left of")
    banana, elephant = true_detections(unpainted, 0)
    assert (banana.colour, elephant.colour) == ("yellow", GREY)
    assert judge(Scene((Thing("banana", "yellow"),)), (banana,)).correct == 1
    assert judge(Scene((Thing("banana", "orange"),)), (banana,)).correct == 0
    assert judge(Scene((Thing("elephant", "white"),)), (elephant,)).correct == 0
    assert judge(Scene((Thing("elephant"),)), (seen("elephant", "pink"),)).correct == 1
    assert {own_colour(kind) for kind in DRAWINGS} <= {*COLOURS, GREY}
    assert set(OWN_COLOURS) == {drawing.main for drawing in DRAWINGS.values()}


@pytest.mark.parametrize("relation", RELATIONS)
def test_each_relation_holds_where_it_should(relation: str) -> None:
    places = {
        "left of": (LEFT, RIGHT),
        "right of": (RIGHT, LEFT),
        "above": (UPPER, LOWER),
        "below": (LOWER, UPPER),
        "on top of": (UPPER, UNDER),
    }
    scene = Scene((Thing("cat"), Thing("dog")), relation)
    for name, (first, second) in places.items():
        verdict = judge(scene, (seen("cat", GREY, first), seen("dog", GREY, second)))
        holds = name == relation or (name, relation) == ("on top of", "above")
        assert verdict.relation == verdict.relation_strict == verdict.correct == float(holds), name


def test_relations_of_one_place_and_of_slanting_pairs() -> None:
    assert relations(LEFT, LEFT) == ()
    assert set(relations((0.1, 0.1, 0.3, 0.3), (0.7, 0.7, 0.9, 0.9))) == {"left of", "above"}
    # Beside each other, however close to the same height, is not on top.
    assert relations((0.1, 0.3, 0.3, 0.5), (0.35, 0.45, 0.6, 0.7))[0] == "left of"
    assert "on top of" not in relations((0.1, 0.1, 0.3, 0.4), (0.5, 0.4, 0.7, 0.7))


@given(st.tuples(*[st.floats(0.05, 0.95)] * 4), st.tuples(*[st.floats(0.05, 0.3)] * 4))
def test_relations_turn_round_with_the_pair(centres: tuple[float, ...], sides: tuple[float, ...]) -> None:
    (ax, ay, bx, by), (aw, ah, bw, bh) = centres, sides
    a, b = (ax - aw, ay - ah, ax + aw, ay + ah), (bx - bw, by - bh, bx + bw, by + bh)
    opposite = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
    forwards = {r for r in relations(a, b) if r != "on top of"}
    assert {opposite[r] for r in forwards} == {r for r in relations(b, a) if r != "on top of"}
    assert "on top of" not in relations(a, b) or "above" in forwards


def test_scenes_that_cannot_be_judged() -> None:
    twice = Scene((Thing("cat", "red"), Thing("cat", "blue")), "left of")
    with pytest.raises(ValueError, match="two things of the kind 'cat'"):
        judge(twice, ())
    assert judge(Scene((), word="HELLO"), (seen("cat"),)).correct is None
    assert judge(Scene((Thing("cat"),), word="HELLO"), (seen("cat"),)).correct == 1


def test_the_surest_of_several_stands_for_its_kind() -> None:
    scene = Scene((Thing("cat"), Thing("dog")), "left of")
    ghost = replace(seen("cat", GREY, (0.95, 0.4, 1.0, 0.6)), score=0.4)
    verdict = judge(scene, (ghost, seen("cat"), seen("dog", GREY, RIGHT)))
    assert (verdict.relation, verdict.correct) == (1, 0)
