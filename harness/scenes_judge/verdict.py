"""What is right and what is wrong in a picture: objects seen against the scene asked for, after GenEval.

The definitions, for one picture. *Found* means that at least one object of that kind is seen.

- objects: the share of the asked kinds of object that are found.
- colours: of the asked colours, the share that is right. A colour is right where every object of that kind
  has it. `colours` counts only those whose object is found, `colours_strict` all, and a missing object is
  wrong.
- counts: of the asked counts above one, the share that is right: exactly so many objects of that kind are
  seen. `counts` counts only those with some of the object found, `counts_strict` all.
- relation: 1 where the first object stands so to the second, else 0. `relation` exists only where both are
  found; `relation_strict` is 0 where one is missing.
- correct: every asked object is found, in exactly the asked number (one included), every asked colour is
  right and so is the relation.

What is not asked exists not: it is None. Objects of other kinds are no fault, as in GenEval; backgrounds and
written words are not judged. A drawing in its own colours has the colour that people would name
(`labels.OWN_COLOURS`), and where no colour is asked any will do.
"""

from __future__ import annotations

from dataclasses import dataclass

from drawbench.scenes import Scene, Thing
from harness.scenes_judge.labels import Box, Detection

OFFSET_TOLERANCE = 0.1
"""GenEval's: centres nearer than this share of both sides together are not apart in that direction."""
LEAST_SHARE = 0.5
"""GenEval's: the least share of the distance between centres that must lie in a relation's direction."""
CONTACT_GAP = 0.05
"""The widest gap that is still contact, as a share of the picture; "above" leaves 0.057 at least.

On renderings of training scenes it misses 0.4% of those "on top of" each other and takes no other for one.
"""
CONTACT_DEPTH = 0.5
"""How far the upper may sink into the lower, as a share of the lower of the two heights."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a picture has right, each 0..1 or None where it is not asked; see the module for the meanings."""

    correct: float | None
    objects: float | None
    colours: float | None
    colours_strict: float | None
    counts: float | None
    counts_strict: float | None
    relation: float | None
    relation_strict: float | None


def judge(scene: Scene, seen: tuple[Detection, ...]) -> Verdict:
    """The verdict on a picture in which `seen` was seen.

    Raises ValueError for a scene with two things of one kind, which cannot be told apart here.
    """
    kinds = [thing.object for thing in scene.things]
    if len(set(kinds)) < len(kinds):
        raise ValueError(f"a scene with two things of the kind {kinds[0]!r} cannot be judged")
    if not kinds:
        return Verdict(*(None,) * 8)
    of = {kind: [d for d in seen if d.kind == kind] for kind in kinds}
    found = [float(bool(of[kind])) for kind in kinds]
    coloured = [thing for thing in scene.things if thing.colour is not None]
    colours = [_colour_right(thing, of[thing.object]) for thing in coloured]
    several = [thing for thing in scene.things if thing.count > 1]
    counts = [float(len(of[thing.object]) == thing.count) for thing in several]
    relation = relation_strict = None
    if scene.relation is not None:
        relation_strict = 0.0
        if all(found):
            first, second = (max(of[kind], key=lambda d: d.score) for kind in kinds)
            relation = relation_strict = float(scene.relation in relations(first.box, second.box))
    exact = all(len(of[thing.object]) == thing.count for thing in scene.things)
    return Verdict(
        correct=float(exact and all(colours) and relation_strict != 0.0),
        objects=sum(found) / len(found),
        colours=_mean([right for thing, right in zip(coloured, colours, strict=True) if of[thing.object]]),
        colours_strict=_mean(colours),
        counts=_mean([right for thing, right in zip(several, counts, strict=True) if of[thing.object]]),
        counts_strict=_mean(counts),
        relation=relation,
        relation_strict=relation_strict,
    )


def relations(first: Box, second: Box) -> tuple[str, ...]:
    """The relations of the world in which the first box stands to the second, the most telling one first.

    Left, right, above and below by GenEval's rule on the boxes' centres, so a slanting pair can have two. "on
    top of" is above with contact: side by side over each other, and hardly a gap between them.
    """
    dx = (first[0] + first[2] - second[0] - second[2]) / 2
    dy = (first[1] + first[3] - second[1] - second[3]) / 2
    distance = (dx * dx + dy * dy) ** 0.5
    if distance == 0:
        return ()
    across = _beyond(dx, OFFSET_TOLERANCE * (first[2] - first[0] + second[2] - second[0])) / distance
    down = _beyond(dy, OFFSET_TOLERANCE * (first[3] - first[1] + second[3] - second[1])) / distance
    held: list[str] = []
    if down < -LEAST_SHARE:
        lower = min(first[3] - first[1], second[3] - second[1])
        gap = second[1] - first[3]
        over = min(first[2], second[2]) > max(first[0], second[0])
        held += ["on top of"] * (over and -CONTACT_DEPTH * lower <= gap <= CONTACT_GAP)
        held.append("above")
    if down > LEAST_SHARE:
        held.append("below")
    sideways = ["left of"] * (across < -LEAST_SHARE) + ["right of"] * (across > LEAST_SHARE)
    return tuple(sideways + held if abs(across) > abs(down) else held + sideways)


def _beyond(offset: float, tolerance: float) -> float:
    """What is left of an offset above the tolerance, with its sign."""
    return max(0.0, abs(offset) - tolerance) * (1 if offset > 0 else -1)


def _colour_right(thing: Thing, objects: list[Detection]) -> float:
    return float(bool(objects) and all(d.colour == thing.colour for d in objects))


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
