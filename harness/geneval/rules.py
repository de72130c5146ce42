"""GenEval's rules: from what a detector saw in a picture to right or wrong, with a reason. Pure functions.

Ghosh et al. 2023, "GenEval: an object-focused framework for evaluating text-to-image alignment", section 3
and appendix; the constants are those of its project.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SURE = 0.3
"""Least score of a detection that counts, for all tasks but counting."""
SURE_COUNTING = 0.9
"""The same for the task "counting", where every doubtful box would be one too many."""
MOST = 16
"""Detections of one class that are looked at, those of the highest score."""
DEADBAND = 0.1
"""Two centres must be further apart than this part of the sum of the boxes' sides to be beside each other."""
STEEPNESS = 0.5
"""Least part of the distance that must lie along an axis for a relation along it."""
NMS_IOU = 1.0
"""Boxes of a class that overlap more than this count once; 1 leaves all, as the detector's own."""

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white")

RULES = f"geneval:t{SURE:g}/{SURE_COUNTING:g}|nms{NMS_IOU:g}|top{MOST}|deadband{DEADBAND:g}|rules1"
"""The rules' part of a metric's identity."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Seen:
    """One object that was detected: class, score 0..1, box (left, top, right, bottom) in pixels, y down.

    `colour` is the one of COLOURS that fits it best, None where nobody looked.
    """

    name: str
    score: float
    box: Box
    colour: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a picture shows what was asked, and why not: all failings in the order of the prompt."""

    correct: bool
    failings: tuple[str, ...] = ()


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, 0..1, their sides counted in whole pixels, ends included."""

    def area(box: Box) -> float:
        return max(box[2] - box[0] + 1, 0.0) * max(box[3] - box[1] + 1, 0.0)

    common = area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))
    union = area(a) + area(b) - common
    return common / union if union > 0 else 0.0


def counted(seen: Sequence[Seen], tag: str, nms_iou: float = NMS_IOU) -> dict[str, list[Seen]]:
    """The detections that count, by class, best first: sure enough for the task `tag`, at most 16 a class.

    Of boxes of one class that overlap by `nms_iou` or more only the best is kept; from 1 on all are kept.
    """
    sure = SURE_COUNTING if tag == "counting" else SURE
    classes: dict[str, list[Seen]] = {}
    for one in sorted(seen, key=lambda one: -one.score):
        if one.score > sure:
            classes.setdefault(one.name, []).append(one)
    return {name: _suppressed(found[:MOST], nms_iou) for name, found in classes.items()}


def relations(a: Box, b: Box) -> frozenset[str]:
    """Where box a lies as seen from b: none, one or two of "left of", "right of", "above", "below".

    The centres' offset along each axis is shortened by DEADBAND of the boxes' sides along it; what is left
    must be more than STEEPNESS of the whole distance. Boxes whose offset lies within the deadband have no
    relation.
    """
    offsets = []
    for low, high in ((0, 2), (1, 3)):
        offset = (a[low] + a[high]) / 2 - (b[low] + b[high]) / 2
        band = DEADBAND * (abs(a[high] - a[low]) + abs(b[high] - b[low]))
        offsets.append((offset, math.copysign(max(abs(offset) - band, 0.0), offset)))
    (dx, x), (dy, y) = offsets
    if abs(x) < 1e-3 and abs(y) < 1e-3:
        return frozenset()
    distance = math.hypot(dx, dy)
    words = (
        ("left of", -x / distance),
        ("right of", x / distance),
        ("above", -y / distance),
        ("below", y / distance),
    )
    return frozenset(word for word, part in words if part > STEEPNESS)


def judge(meta: Mapping[str, Any], seen: Sequence[Seen], nms_iou: float = NMS_IOU) -> Verdict:
    """GenEval's verdict on a picture of a prompt with these `include`, `exclude` and `tag`.

    Of each included class at least `count` must be there, of the best ones `count` with the asked colour,
    and each of them must stand to each of the group that `position` names as it asks. Of each excluded
    class fewer than `count` may be there.
    """
    there = counted(seen, str(meta.get("tag", "")), nms_iou)
    failings: list[str] = []
    groups: list[list[Seen] | None] = []
    for wanted in meta.get("include", ()):
        found = there.get(wanted["class"], [])
        problem = _lacks(wanted, found, groups)
        groups.append(None if problem else found[: wanted["count"]])
        failings += [problem] if problem else []
    for unwanted in meta.get("exclude", ()):
        name, count = unwanted["class"], unwanted["count"]
        number = len(there.get(name, ()))
        if number >= count:
            failings.append(f"expected fewer than {count} {name}, found {number}")
    return Verdict(not failings, tuple(failings))


def reason(meta: Mapping[str, Any], seen: Sequence[Seen]) -> str:
    """The verdict in one line for people."""
    verdict = judge(meta, seen)
    if not verdict.correct:
        return f"wrong: {'; '.join(verdict.failings)}"
    there = counted(seen, str(meta.get("tag", "")))
    asked = dict.fromkeys(wanted["class"] for wanted in meta.get("include", ()))
    return f"right: found {', '.join(f'{len(there.get(name, ()))} {name}' for name in asked)}"


def problem_in(meta: Mapping[str, Any]) -> str | None:
    """Why a prompt with this `meta` cannot be judged, or None: only GenEval's fields are understood."""
    include = meta.get("include")
    if not isinstance(include, list) or not include or not isinstance(meta.get("tag"), str):
        return "the prompts come without GenEval's fields; only the bench geneval has them"
    for place, wanted in enumerate([*include, *meta.get("exclude", ())]):
        if not isinstance(wanted, dict) or not isinstance(wanted.get("class"), str):
            return "an entry of include or exclude has no class"
        if not isinstance(wanted.get("count"), int):
            return "an entry of include or exclude has no count"
        if "color" in wanted and wanted["color"] not in COLOURS:
            return f"the colour {wanted['color']!r} is none of {', '.join(COLOURS)}"
        position = wanted.get("position")
        if position is not None and not _is_position(position, place):
            return f"the position {position!r} is not [relation, number of an earlier object]"
    return None


def asks_for_colour(meta: Mapping[str, Any]) -> bool:
    """Whether any object of the prompt must have a colour."""
    return any("color" in wanted for wanted in meta.get("include", ()))


def _lacks(wanted: Mapping[str, Any], found: Sequence[Seen], groups: Sequence[list[Seen] | None]) -> str:
    """What is wrong with one included object, "" where nothing is."""
    name, count = wanted["class"], wanted["count"]
    if len(found) < count:
        return f"expected {count} {name}, found {len(found)}"
    best = found[:count]
    if "color" in wanted:
        colours = [one.colour or "no colour" for one in best]
        if colours.count(wanted["color"]) < count:
            shown = ", ".join(f"{colours.count(c)} {c}" for c in dict.fromkeys(colours))
            return f"expected {count} {wanted['color']} {name}, found {shown}"
    if wanted.get("position") is None:
        return ""
    relation, number = wanted["position"]
    target = groups[number]
    if target is None:
        return f"no object that {name} could be {relation}"
    for one in best:
        for other in target:
            is_ = relations(one.box, other.box)
            if relation not in is_:
                shown = " and ".join(sorted(is_)) or "neither beside nor above"
                return f"expected {name} {relation} {other.name}, found it {shown}"
    return ""


def _is_position(position: object, place: int) -> bool:
    if not isinstance(position, list | tuple) or len(position) != 2:
        return False
    relation, number = position
    known = relation in ("left of", "right of", "above", "below")
    return known and isinstance(number, int) and 0 <= number < place


def _suppressed(found: list[Seen], nms_iou: float) -> list[Seen]:
    if nms_iou >= 1:
        return found
    kept: list[Seen] = []
    for one in found:
        if all(iou(one.box, other.box) < nms_iou for other in kept):
            kept.append(one)
    return kept
