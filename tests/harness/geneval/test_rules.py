"""GenEval's rules on detections made by hand, and on the fields of the real prompts."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.geneval.classes import CLASSES, in_geneval_words, unknown_classes
from harness.geneval.rules import (
    COLOURS,
    MOST,
    Box,
    Seen,
    asks_for_colour,
    counted,
    iou,
    judge,
    problem_in,
    reason,
    relations,
)

CAT = {"class": "cat", "count": 1}
OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}


def _at(x: float, y: float, side: float = 20.0) -> Box:
    return (x - side / 2, y - side / 2, x + side / 2, y + side / 2)


def _seen(name: str, score: float = 0.95, box: Box = (0, 0, 10, 10), colour: str | None = None) -> Seen:
    return Seen(name, score, box, colour)


def _meta(*include: dict[str, Any], tag: str = "two_object", exclude: Any = ()) -> dict[str, Any]:
    return {"tag": tag, "include": list(include), "exclude": list(exclude)}


def test_an_object_must_be_there_and_sure_enough() -> None:
    meta = _meta(CAT, tag="single_object")
    assert judge(meta, [_seen("cat", 0.31)]).correct
    assert judge(meta, [_seen("cat", 0.31), _seen("dog"), _seen("cat")]).correct
    for seen in ([], [_seen("dog")], [_seen("cat", 0.3)]):
        assert judge(meta, seen).failings == ("expected 1 cat, found 0",)


def test_all_objects_must_be_there() -> None:
    meta = _meta(CAT, {"class": "dog", "count": 1})
    assert judge(meta, [_seen("dog"), _seen("cat")]).correct
    assert judge(meta, [_seen("dog")]).failings == ("expected 1 cat, found 0",)
    assert len(judge(meta, []).failings) == 2


def test_counts_are_exact_and_need_sure_detections() -> None:
    meta = _meta({"class": "bird", "count": 3}, tag="counting", exclude=[{"class": "bird", "count": 4}])
    for number, correct in ((2, False), (3, True), (4, False), (16, False)):
        assert judge(meta, [_seen("bird")] * number).correct is correct
    assert judge(meta, [_seen("bird")] * 3 + [_seen("bird", 0.9)]).correct
    assert not judge(meta, [_seen("bird")] * 2 + [_seen("bird", 0.9)]).correct
    assert judge(meta, [_seen("bird")] * 4).failings == ("expected fewer than 4 bird, found 4",)
    assert judge(_meta({"class": "bird", "count": 3}), [_seen("bird", 0.5)] * 3).correct


def test_colours_are_those_of_the_surest_detections() -> None:
    meta = _meta({**CAT, "color": "red"}, tag="colors")
    assert judge(meta, [_seen("cat", colour="red")]).correct
    assert judge(meta, [_seen("cat", 0.9, colour="red"), _seen("cat", 0.5, colour="blue")]).correct
    wrong = judge(meta, [_seen("cat", 0.5, colour="red"), _seen("cat", 0.9, colour="blue")])
    assert wrong.failings == ("expected 1 red cat, found 1 blue",)
    assert judge(meta, [_seen("cat")]).failings == ("expected 1 red cat, found 1 no colour",)
    two = _meta({"class": "cat", "count": 2, "color": "red"})
    mixed = [_seen("cat", colour="red"), _seen("cat", colour="green")]
    assert judge(two, mixed).failings == ("expected 2 red cat, found 1 red, 1 green",)


def test_attributes_belong_to_their_own_object() -> None:
    meta = _meta({"class": "pizza", "count": 1, "color": "blue"}, {**CAT, "color": "red"}, tag="color_attr")
    assert judge(meta, [_seen("pizza", colour="blue"), _seen("cat", colour="red")]).correct
    assert len(judge(meta, [_seen("pizza", colour="red"), _seen("cat", colour="blue")]).failings) == 2


def test_positions_with_their_deadband() -> None:
    """Two boxes of 20: the centres must be more than 0.1 * (20 + 20) = 4 apart along an axis."""
    for x, y, expected in (
        (50.0, 0.0, {"right of"}),
        (-50.0, 0.0, {"left of"}),
        (0.0, 50.0, {"below"}),
        (0.0, -50.0, {"above"}),
        (40.0, 40.0, {"right of", "below"}),
        (4.0, 0.0, set()),
        (-3.9, 3.9, set()),
        (8.1, 0.0, {"right of"}),
        (7.9, 0.0, set()),  # what is left of the offset, 3.9, is less than half of it
        (50.0, 20.0, {"right of"}),  # 16 of 53.9 upwards is not steep enough
        (0.0, 0.0, set()),
    ):
        assert relations(_at(x, y), _at(0, 0)) == expected, (x, y)


_COORDINATES = st.floats(-200, 200)


@given(_COORDINATES, _COORDINATES, st.floats(1, 100), st.floats(1, 100), _COORDINATES, _COORDINATES)
def test_relations_turn_round_and_do_not_depend_on_the_origin(
    x: float, y: float, side: float, other: float, dx: float, dy: float
) -> None:
    a, b = _at(round(x), round(y), round(side)), _at(0, 0, round(other))
    assert {OPPOSITE[word] for word in relations(b, a)} == relations(a, b)
    moved = [tuple(v + round(s) for v, s in zip(box, (dx, dy, dx, dy), strict=True)) for box in (a, b)]
    assert relations(*moved) == relations(a, b)  # type: ignore[arg-type]
    assert not relations(a, b) & {OPPOSITE[word] for word in relations(a, b)}


def test_a_position_is_relative_to_the_object_named_before() -> None:
    meta = _meta({"class": "dog", "count": 1}, {**CAT, "position": ["left of", 0]}, tag="position")
    dog = _seen("dog", box=_at(100, 50))
    assert judge(meta, [dog, _seen("cat", box=_at(20, 50))]).correct
    wrong = judge(meta, [dog, _seen("cat", box=_at(180, 50))])
    assert wrong.failings == ("expected cat left of dog, found it right of",)
    beside = judge(meta, [dog, _seen("cat", box=_at(100, 51))])
    assert beside.failings == ("expected cat left of dog, found it neither beside nor above",)
    alone = judge(meta, [_seen("cat", box=_at(20, 50))])
    assert alone.failings == ("expected 1 dog, found 0", "no object that cat could be left of")
    doubt = [dog, _seen("cat", 0.5, _at(180, 50)), _seen("cat", 0.9, _at(20, 50))]
    assert judge(meta, doubt).correct  # the surest cat is the one that is asked about


def test_every_one_of_a_group_must_stand_right() -> None:
    meta = _meta({"class": "dog", "count": 2}, {"class": "cat", "count": 2, "position": ["above", 0]})
    dogs = [_seen("dog", box=_at(x, 100)) for x in (20, 60)]
    assert judge(meta, [*dogs, _seen("cat", box=_at(30, 20)), _seen("cat", box=_at(50, 20))]).correct
    assert not judge(meta, [*dogs, _seen("cat", box=_at(30, 20)), _seen("cat", box=_at(50, 180))]).correct


def test_at_most_sixteen_of_a_class_count_and_the_surest_come_first() -> None:
    seen = [_seen("cat", 0.4 + i / 100) for i in range(30)]
    kept = counted(seen, "colors")["cat"]
    assert len(kept) == MOST == 16
    assert [one.score for one in kept] == sorted((one.score for one in seen), reverse=True)[:16]


def test_overlaps_by_hand_and_suppression_where_it_is_asked_for() -> None:
    assert iou((0, 0, 9, 9), (0, 0, 9, 9)) == 1.0
    assert iou((0, 0, 9, 9), (20, 20, 29, 29)) == 0.0
    assert iou((0, 0, 9, 9), (0, 5, 9, 14)) == pytest.approx(50 / 150)
    pair = [
        _seen("cat", 0.9, (0, 0, 9, 9)),
        _seen("cat", 0.95, (0, 0, 9, 8)),
        _seen("cat", 0.8, (50, 0, 59, 9)),
    ]
    assert len(counted(pair, "")["cat"]) == 3  # GenEval's own threshold of 1 leaves all
    assert [one.score for one in counted(pair, "", nms_iou=0.5)["cat"]] == [0.95, 0.8]
    two = _meta({"class": "cat", "count": 3})
    assert judge(two, pair).correct
    assert not judge(two, pair, nms_iou=0.5).correct


def test_reasons_are_one_line() -> None:
    meta = _meta(CAT, {"class": "dog", "count": 1})
    assert reason(meta, [_seen("cat"), _seen("cat"), _seen("dog")]) == "right: found 2 cat, 1 dog"
    assert reason(meta, []) == "wrong: expected 1 cat, found 0; expected 1 dog, found 0"


@pytest.mark.parametrize(
    ("meta", "problem"),
    [
        ({}, "without GenEval's fields"),
        ({"include": [CAT]}, "without GenEval's fields"),
        (_meta({"count": 1}), "no class"),
        (_meta({"class": "cat"}), "no count"),
        (_meta({**CAT, "color": "mauve"}), "the colour 'mauve' is none of red"),
        (_meta({**CAT, "position": ["left of", 0]}), "not \\[relation, number"),
        (_meta(CAT, {**CAT, "position": ["near", 0]}), "not \\[relation, number"),
    ],
)
def test_fields_that_are_not_understood(meta: dict[str, Any], problem: str) -> None:
    found = problem_in(meta)
    assert found is not None
    import re

    assert re.search(problem, found)
    assert "\n" not in found


def _real_prompts() -> list[dict[str, Any]]:
    root = Path(__file__).parents[3]
    folder = Path(os.environ.get("DRAWBENCH_TEST_DATA") or root.parent / "shared" / "data")
    file = folder / "geneval_metadata.jsonl"
    if not file.is_file():
        pytest.skip(f"no {file.name} in {folder}; set DRAWBENCH_TEST_DATA to a folder that has it")
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def _obedient(meta: dict[str, Any]) -> list[Seen]:
    """Detections of a picture that shows just what is asked."""
    places = {"left of": (-300, 0), "right of": (300, 0), "above": (0, -300), "below": (0, 300), None: (0, 0)}
    seen = []
    for wanted in meta["include"]:
        x, y = places[wanted.get("position", [None])[0]]
        colour = wanted.get("color", "white")
        seen += [_seen(wanted["class"], 0.95, _at(x, y), colour) for _ in range(wanted["count"])]
    return seen


def test_every_real_prompt_can_be_judged_right_and_wrong() -> None:
    prompts = _real_prompts()
    assert len(prompts) == 553
    for meta in prompts:
        assert problem_in(meta) is None
        assert judge(meta, _obedient(meta)).correct, meta["prompt"]
        assert not judge(meta, _obedient(meta)[1:]).correct
        if asks_for_colour(meta):
            plain = [Seen(one.name, one.score, one.box, "white") for one in _obedient(meta)]
            asked = {wanted.get("color") for wanted in meta["include"]}
            assert judge(meta, plain).correct is (asked <= {"white", None})
        if meta["tag"] == "position":
            turned = [Seen(o.name, o.score, _at(-o.box[0], -o.box[1])) for o in _obedient(meta)]
            assert not judge(meta, turned).correct
    named = {wanted["class"] for meta in prompts for wanted in meta["include"]}
    assert named == set(CLASSES)
    assert {w["color"] for m in prompts for w in m["include"] if "color" in w} <= set(COLOURS)


def test_other_words_for_the_classes_are_known() -> None:
    assert len(CLASSES) == len(set(CLASSES)) == 80
    words = in_geneval_words({0: "mouse", 1: "sofa", 2: "cat", 3: "tvmonitor"})
    assert list(words.values()) == ["computer mouse", "couch", "cat", "tv"]
    assert unknown_classes(CLASSES) == []
    assert unknown_classes(CLASSES[:-2]) == ["wine glass", "zebra"]
