"""Labels keep off each other, off the points and inside the frame, wherever the points are."""

from __future__ import annotations

import itertools

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.pareto.labels import Box, Wanted, place_labels

FRAME = Box(0.0, 0.0, 200.0, 150.0)
places = st.floats(0.0, 200.0, allow_nan=False)
labels = st.builds(
    Wanted,
    x=places,
    y=st.floats(0.0, 150.0, allow_nan=False),
    width=st.floats(3.0, 30.0),
    height=st.floats(4.0, 9.0),
    rank=st.sampled_from([0.0, 1.0, 2.0]),
)


def marks(wanted: list[Wanted]) -> list[Box]:
    return [Box(w.x - 2, w.y - 2, w.x + 2, w.y + 2) for w in wanted]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(labels, max_size=20))
def test_no_label_lies_on_anything(wanted: list[Wanted]) -> None:
    obstacles = marks(wanted)
    boxes = place_labels(wanted, FRAME, obstacles)
    there = [box for box in boxes if box is not None]
    for one, other in itertools.combinations(there, 2):
        assert not one.overlaps(other)
    for box in there:
        assert box.inside(FRAME)
        assert not any(box.overlaps(mark) for mark in obstacles)
    for label, box in zip(wanted, boxes, strict=True):
        if box is not None:
            assert abs(box.right - box.left - label.width) < 1e-9
            assert box.left - 17 <= label.x <= box.right + 17  # near its point
            assert box.bottom - 17 <= label.y <= box.top + 17


def test_greater_ranks_choose_first() -> None:
    crowd = [Wanted(50.0, 50.0, 20.0, 8.0) for _ in range(60)]
    crowd.append(Wanted(50.0, 50.0, 20.0, 8.0, rank=5.0))
    boxes = place_labels(crowd, FRAME, marks(crowd[:1]))
    assert boxes[-1] is not None
    assert any(box is None for box in boxes)
    assert boxes[-1] == place_labels(crowd[-1:], FRAME, marks(crowd[:1]))[0]


def test_lone_labels_stay_close_in_every_corner() -> None:
    for x, y in itertools.product((3.0, 100.0, 197.0), (3.0, 75.0, 147.0)):
        (box,) = place_labels([Wanted(x, y, 12.0, 6.0)], FRAME, [Box(x - 2, y - 2, x + 2, y + 2)])
        assert box is not None
        gap = max(box.left - x, x - box.right, box.bottom - y, y - box.top)
        assert gap <= 7.5


def test_lines_are_kept_off_where_there_is_room() -> None:
    wanted = Wanted(100.0, 75.0, 12.0, 6.0)
    mark = Box(98.0, 73.0, 102.0, 77.0)
    across = [Box(x, y - 0.5, x + 1, y + 0.5) for x, y in ((100.0 + k, 75.0 + k) for k in range(-30, 30))]
    (free,) = place_labels([wanted], FRAME, [mark])
    (clear,) = place_labels([wanted], FRAME, [mark], across)
    assert free is not None
    assert clear is not None
    assert any(free.overlaps(box) for box in across)
    assert not any(clear.overlaps(box) for box in across)
    everywhere = [Box(x, 0.0, x + 1.0, 150.0) for x in range(200)]
    assert place_labels([wanted], FRAME, [mark], everywhere) == [free]
