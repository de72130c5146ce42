"""A verdict in words: what was asked for and what was seen."""

from __future__ import annotations

from collections.abc import Sequence

from drawbench.scenes import Scene
from drawbench.scenes.captions import NUMBER_WORDS, with_article
from drawbench.scenes.objects import DRAWINGS
from harness.scenes_judge.labels import Detection, own_colour
from harness.scenes_judge.verdict import judge, relations


def reason(scene: Scene, seen: tuple[Detection, ...]) -> str:
    """One line, such as "asked for two red cars; saw one red car and one blue car".

    Begins with "right: " where everything asked is there. Raises ValueError as `judge` does.
    """
    verdict = judge(scene, seen)
    if verdict.correct is None:
        return "asked for a written word alone, which is not judged"
    line = f"asked for {_asked(scene)}; saw {_seen(scene, seen)}"
    return f"right: {line}" if verdict.correct == 1.0 else line


def _asked(scene: Scene) -> str:
    phrases = [_counted(t.count, t.colour, t.object, single="a") for t in scene.things]
    return _joined(phrases, scene.relation)


def _seen(scene: Scene, seen: tuple[Detection, ...]) -> str:
    """All that was seen: the asked kinds in the order asked, then others, groups by kind and colour."""
    asked = {thing.object: thing.colour for thing in scene.things}
    ordered = [d for kind in asked for d in seen if d.kind == kind]
    ordered += [d for d in seen if d.kind not in asked]
    groups: dict[tuple[str, str | None], int] = {}
    for d in ordered:
        # Without a colour asked for, the usual one needs no word.
        plain = d.colour == own_colour(d.kind) and asked.get(d.kind) is None
        word = None if plain else d.colour
        groups[d.kind, word] = groups.get((d.kind, word), 0) + 1
    if not groups:
        return "none of the world's objects"
    phrases = [_counted(count, colour, kind, single="one") for (kind, colour), count in groups.items()]
    if scene.relation is not None and len(scene.things) == len(ordered) == 2 and ordered[0].kind in asked:
        held = relations(ordered[0].box, ordered[1].box)
        if ordered[1].kind in asked and len(groups) == 2:
            shown = scene.relation if scene.relation in held else next(iter(held), None)
            return _joined(phrases, shown) if shown else f"{_joined(phrases)} at the same place"
    return _joined(phrases)


def _counted(count: int, colour: str | None, kind: str, single: str) -> str:
    noun = kind if count == 1 else DRAWINGS[kind].plural
    described = noun if colour is None else f"{colour} {noun}"
    if count == 1:
        return with_article(described) if single == "a" else f"one {described}"
    return f"{NUMBER_WORDS[count - 1] if count <= len(NUMBER_WORDS) else count} {described}"


def _joined(phrases: Sequence[str], relation: str | None = None) -> str:
    if relation is not None and len(phrases) == 2:
        return f"{phrases[0]} {relation} {phrases[1]}"
    return phrases[0] if len(phrases) == 1 else f"{', '.join(phrases[:-1])} and {phrases[-1]}"
