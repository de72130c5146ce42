"""The trend plot draws what the history holds, the same bytes each time."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from drawbench.errors import InputError
from harness.regression.history import Event, Point
from harness.regression.trend_plot import trend_plot


def _events(count: int) -> tuple[Event, ...]:
    rng = np.random.default_rng(0)
    events = []
    for i in range(count):
        value = 0.9 + rng.normal(0, 0.01) - (0.1 if i == 4 else 0)
        kept = i % 5 == 0
        points = tuple(
            Point(name, value * scale, value * scale * 0.97, value * scale * 1.03, 48, f"{name}[x]", way)
            for name, scale, way in (("scenes_accuracy", 1, "higher"), ("fd_effnet_lite0", 200, "lower"))
        )
        outcome = None if kept else "regression" if i == 4 else "pass"
        events.append(
            Event(
                "add" if kept else "compare",
                f"2026-01-{i + 1:02d}T00:00:00+00:00",
                f"run{i}",
                "f" * 64,
                "imagen",
                f"{i:07x}",
                points,
                "entry" if kept else None,
                outcome,
            )
        )
    return tuple(events)


@pytest.mark.parametrize("count", [1, 12, 31])
def test_it_draws_png_and_svg_the_same_each_time(count: int) -> None:
    drawn = trend_plot(_events(count), None, "release")
    assert drawn == trend_plot(_events(count), None, "release")
    with Image.open(io.BytesIO(drawn[".png"])) as picture:
        assert picture.width > 900
    texts = "".join(ElementTree.fromstring(drawn[".svg"]).itertext())
    assert "scenes_accuracy" in texts
    assert "lower is better" in texts


def test_one_metric_makes_a_smaller_plot() -> None:
    both, one = (trend_plot(_events(5), m, "release")[".png"] for m in (None, ("scenes_accuracy",)))
    assert Image.open(io.BytesIO(one)).height < Image.open(io.BytesIO(both)).height


def test_nothing_to_draw_is_said() -> None:
    with pytest.raises(InputError, match="no scores"):
        trend_plot((), None, "release")
    with pytest.raises(InputError, match="has no fid"):
        trend_plot(_events(2), ("fid",), "release")
