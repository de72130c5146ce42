import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drawbench.scenes import Scene, Thing, layout, sample_scene
from drawbench.scenes.objects import DRAWINGS
from drawbench.scenes.places import EDGE
from drawbench.scenes.sprites import SIGN_ASPECT

seeds = st.integers(0, 2**32)


def a_scene(seed: int) -> Scene:
    return sample_scene(np.random.default_rng(seed), "train")


@settings(max_examples=300, deadline=None)
@given(seeds, seeds)
def test_everything_is_there_inside_the_frame_and_undistorted(scene_seed: int, seed: int) -> None:
    scene = a_scene(scene_seed)
    placed = layout(scene, seed)
    for index, thing in enumerate(scene.things):
        mine = [p for p in placed if p.thing == index]
        assert [(p.name, p.colour) for p in mine] == [(thing.object, thing.colour)] * thing.count
    assert [p.name for p in placed if p.kind == "sign"] == ([scene.word] if scene.word else [])
    for p in placed:
        x0, y0, x1, y1 = p.box
        assert min(x0, y0, 1 - x1, 1 - y1) >= EDGE - 1e-9
        aspect = SIGN_ASPECT if p.kind == "sign" else DRAWINGS[p.name].aspect
        assert (x1 - x0) / (y1 - y0) == pytest.approx(aspect)


@settings(max_examples=300, deadline=None)
@given(seeds, seeds)
def test_things_do_not_overlap_unless_stacked(scene_seed: int, seed: int) -> None:
    scene = a_scene(scene_seed)
    if scene.relation == "on top of":
        return
    for a, b in itertools.combinations([p.box for p in layout(scene, seed)], 2):
        across = min(a[2], b[2]) - max(a[0], b[0])
        down = min(a[3], b[3]) - max(a[1], b[1])
        assert min(across, down) < 0.02


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(DRAWINGS)), st.sampled_from(sorted(DRAWINGS)), seeds)
def test_relations_hold_as_the_words_say(first: str, second: str, seed: int) -> None:
    def boxes(relation: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
        placed = {p.thing: p.box for p in layout(Scene((Thing(first), Thing(second)), relation), seed)}
        return placed[0], placed[1]

    a, b = boxes("left of")
    assert a[2] <= b[0]
    a, b = boxes("right of")
    assert b[2] <= a[0]
    a, b = boxes("above")
    assert a[3] + 0.05 <= b[1]
    a, b = boxes("below")
    assert b[3] + 0.05 <= a[1]
    a, b = boxes("on top of")
    assert a[1] < b[1]
    assert a[3] == pytest.approx(b[1] + 0.012)
    assert abs((a[0] + a[2]) - (b[0] + b[2])) / 2 <= 0.06 + 1e-9


def test_the_layout_is_a_function_of_the_seed_with_small_jitter() -> None:
    scene = Scene((Thing("dog", "red"),), background="grass")
    assert layout(scene, 5) == layout(scene, 5)
    boxes = np.array([layout(scene, seed)[0].box for seed in range(300)])
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    assert np.abs(centres - 0.5).max() <= 0.03
    assert np.ptp(centres, axis=0).min() > 0.05
    heights = boxes[:, 3] - boxes[:, 1]
    assert heights.min() >= 0.66 * 0.94 - 1e-9
    assert heights.max() <= 0.66 * 1.06 + 1e-9


def test_groups_stand_on_their_own_sides() -> None:
    for n, m in itertools.product((1, 2, 3), repeat=2):
        placed = layout(Scene((Thing("cat", count=n), Thing("dog", count=m))), 1)
        assert max(p.box[2] for p in placed if p.thing == 0) <= min(p.box[0] for p in placed if p.thing == 1)
