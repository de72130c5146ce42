"""From maps to objects, and there and back as a vector."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from drawbench.scenes import spec
from harness.scenes_judge.decode import DIM, MOST_DETECTIONS, decode, from_vector, overlap, to_vector
from harness.scenes_judge.labels import COLOUR_LABELS, KINDS, Detection, true_detections
from harness.scenes_judge.network import GRID
from harness.scenes_judge.store import labelled
from harness.scenes_judge.targets import make_targets

Maps = tuple[np.ndarray, np.ndarray, np.ndarray]


def maps_of_targets(seed: int, n: int) -> list[Maps]:
    """What a perfect network would say of training scenes."""
    labels = labelled(seed, n)
    kinds, colours, boxes = (torch.from_numpy(a) for a in (labels.kinds, labels.colours, labels.boxes))
    targets = make_targets(kinds, colours, boxes)
    heat = torch.where(targets.heat == 1, 5.0, targets.heat * 4 - 5)
    logits = torch.nn.functional.one_hot(targets.colours, len(COLOUR_LABELS)).permute(0, 3, 1, 2) * 9.0
    return [(h.numpy(), c.numpy(), b.numpy()) for h, c, b in zip(heat, logits, targets.boxes, strict=True)]


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 10**6))
def test_targets_decode_to_the_true_objects(seed: int) -> None:
    for index, maps in enumerate(maps_of_targets(seed, 8)):
        example = spec(seed, index)
        expected = true_detections(example.scene, example.layout_seed)
        found = decode(*maps, 0.9)
        assert len(found) == len(expected)
        for truth in expected:
            best = max(found, key=lambda d: overlap(d.box, truth.box))
            assert (best.kind, best.colour) == (truth.kind, truth.colour)
            np.testing.assert_allclose(best.box, truth.box, atol=2e-4)


def _blank() -> Maps:
    return (
        np.full((len(KINDS), GRID, GRID), -9.0),
        np.zeros((len(COLOUR_LABELS), GRID, GRID)),
        np.full((4, GRID, GRID), 0.2),
    )


def test_two_kinds_at_one_place_leave_the_surer() -> None:
    kinds, colours, boxes = _blank()
    boxes[:2] = 0
    kinds[3, 5, 5], kinds[7, 5, 6], kinds[7, 12, 12] = 2.0, 1.0, 0.5
    colours[4, 12, 12] = 3
    found = decode(kinds, colours, boxes, 0.5)
    assert [(d.kind, d.score) for d in found] == [(KINDS[3], 0.8808), (KINDS[7], 0.6225)]
    assert found[1].colour == COLOUR_LABELS[4]
    assert decode(kinds, colours, boxes, 0.7) == found[:1]
    assert decode(*_blank(), 0.1) == ()


def test_no_more_than_the_vector_holds() -> None:
    kinds, colours, boxes = _blank()
    boxes[:2], boxes[2:] = 0, 0.05
    kinds[0, ::2, ::2] = 3.0
    found = decode(kinds, colours, boxes, 0.5)
    assert len(found) == MOST_DETECTIONS
    assert len(from_vector(to_vector(found))) == MOST_DETECTIONS


_SHARES = st.integers(0, 10**4).map(lambda n: n / 10**4)
_DETECTIONS = st.builds(
    Detection,
    kind=st.sampled_from(KINDS),
    colour=st.sampled_from(COLOUR_LABELS),
    box=st.tuples(_SHARES, _SHARES, _SHARES, _SHARES),
    score=_SHARES.filter(bool),
    colour_score=_SHARES,
)


@given(st.lists(_DETECTIONS, max_size=MOST_DETECTIONS).map(tuple))
def test_vectors_keep_the_list(detections: tuple[Detection, ...]) -> None:
    vector = to_vector(detections)
    assert vector.shape == (DIM,)
    back = from_vector(vector)
    assert [(d.kind, d.colour) for d in back] == [(d.kind, d.colour) for d in detections]
    for a, b in zip(back, detections, strict=True):
        np.testing.assert_allclose([*a.box, a.score], [*b.box, b.score], atol=1e-6)


def test_overlap() -> None:
    assert overlap((0, 0, 1, 1), (0, 0, 1, 1)) == 1
    assert overlap((0, 0, 0.5, 1), (0.5, 0, 1, 1)) == 0
    assert overlap((0, 0, 0.5, 1), (0.25, 0, 0.75, 1)) == 1 / 3
