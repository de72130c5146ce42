from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.plots import EDGE, Axis, axis_svg, interval_svg, make_axis

finite = st.floats(-1e9, 1e9).filter(lambda v: v == 0 or abs(v) > 1e-9)


@given(st.lists(finite, min_size=1, max_size=10))
def test_an_axis_holds_its_values_between_round_ticks(values: list[float]) -> None:
    axis = make_axis(values)
    room = 1e-6 * (axis.stop - axis.start)
    assert axis.start - room <= min(values)
    assert max(values) <= axis.stop + room
    assert 2 <= len(axis.ticks) <= 8
    steps = [b - a for a, b in zip(axis.ticks, axis.ticks[1:], strict=False)]
    assert max(steps) == pytest.approx(min(steps), rel=1e-3)
    leading = f"{steps[0]:.3e}"
    assert leading[:5] in ("1.000", "2.000", "5.000", "9.999", "4.999", "1.999")


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0.103, 0.245], ["0.10", "0.15", "0.20", "0.25"]),
        ([24.1, 31.9], ["24", "26", "28", "30", "32"]),
        ([-0.02, 0.02], ["−0.02", "−0.01", "0.00", "0.01", "0.02"]),
        ([1200.0, 2900.0], ["1,000", "1,500", "2,000", "2,500", "3,000"]),
    ],
)
def test_tick_labels_have_the_decimals_they_need(values: list[float], labels: list[str]) -> None:
    axis = make_axis(values)
    assert [axis.label(tick) for tick in axis.ticks] == labels


def test_an_axis_needs_a_finite_value() -> None:
    with pytest.raises(ValueError, match="finite"):
        make_axis([math.nan, math.inf])


def test_places_are_linear_between_the_edges() -> None:
    axis = Axis(0.0, 10.0, (0.0, 5.0, 10.0))
    assert [axis.percent(v) for v in (0, 5, 10)] == [EDGE, 50, 100 - EDGE]
    assert axis.percent(-3) == EDGE
    assert axis.percent(99) == 100 - EDGE


def test_an_interval_is_drawn_where_its_numbers_are() -> None:
    axis = Axis(0.0, 10.0, (0.0, 5.0, 10.0))
    svg = interval_svg(5.0, 2.0, 8.0, axis, overall=6.0, label='5 <&> "five"')
    root = ElementTree.fromstring(svg)
    assert root.get("aria-label") == '5 <&> "five"'
    dot = root.find("circle")
    assert dot is not None
    assert dot.get("cx") == "50.00%"
    whiskers = [line for line in root.iter("line") if line.get("class") == "whisker"]
    assert (whiskers[0].get("x1"), whiskers[0].get("x2")) == ("22.40%", "77.60%")
    assert len(whiskers) == 3
    overall = [line.get("x1") for line in root.iter("line") if line.get("class") == "overall"]
    assert overall == ["59.20%"]


def test_what_is_not_finite_is_left_out() -> None:
    axis = Axis(0.0, 1.0, (0.0, 1.0))
    svg = interval_svg(0.5, math.nan, 0.9, axis, overall=math.nan, label="one picture")
    assert "whisker" not in svg
    assert "overall" not in svg
    assert "circle" in svg
    assert "nan" not in svg


def test_axis_labels_stand_at_their_ticks() -> None:
    svg = axis_svg(Axis(0.0, 10.0, (0.0, 5.0, 10.0)))
    assert re.findall(r'x="([\d.]+)%"[^>]*>([^<]+)<', svg) == [("4.00", "0"), ("50.00", "5"), ("96.00", "10")]
