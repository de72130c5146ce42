from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from harness.curve_plot import bias_curve_svg
from harness.metrics.fid_infinity import BiasCurve
from harness.plots import EDGE
from harness.stats import Interval

CURVE = BiasCurve((4000, 2000, 1000), (1.25, 1.5, 2.0), 1.0, 1000.0, Interval(0.8, 1.2, "x"))


def _drawn(curve: BiasCurve) -> ElementTree.Element:
    return ElementTree.fromstring(bias_curve_svg(curve, 'N <bias> of "a"'))


def test_points_lie_on_the_line_and_where_their_numbers_are() -> None:
    root = _drawn(CURVE)
    assert root.get("aria-label") == 'N <bias> of "a"'
    dots = [(float(str(c.get("cx"))[:-1]), float(str(c.get("cy")))) for c in root.iter("circle")]
    assert [x for x, _ in dots] == pytest.approx([EDGE, 27, 50, 96])
    (fit,) = (line for line in root.iter("line") if line.get("class") == "overall")
    x1, x2 = (float(str(fit.get(end))[:-1]) for end in ("x1", "x2"))
    y1, y2 = (float(str(fit.get(end))) for end in ("y1", "y2"))
    for x, y in dots:  # values are 1 + 1000/N exactly
        assert y == pytest.approx(y1 + (y2 - y1) * (x - x1) / (x2 - x1), abs=0.02)
    assert dots[0][1] > dots[-1][1]  # downwards on the page is less
    assert [t.text for t in root.iter("text") if t.get("text-anchor")] == ["N → ∞", "4,000", "2,000", "1,000"]


def test_the_limits_interval_is_drawn_where_there_is_one() -> None:
    whiskers = [line for line in _drawn(CURVE).iter("line") if line.get("class") == "whisker"]
    assert len(whiskers) == 1
    assert float(str(whiskers[0].get("y1"))) > float(str(whiskers[0].get("y2")))
    without = BiasCurve(CURVE.counts, CURVE.values, 1.0, 1000.0)
    assert "whisker" not in bias_curve_svg(without, "none")
    assert "nan" not in bias_curve_svg(without, "none")
