"""The forest plot: what is drawn is where the numbers are, and equal numbers give equal bytes."""

from __future__ import annotations

import io
import math
from dataclasses import replace

import numpy as np
from PIL import Image

from harness.difference import Comparison, Difference, Pairing
from harness.forest_plot import forest_png

_ROW = Difference("m", None, "higher", 1.0, 2.0, 1.0, 0.5, 1.5, 0.01, 0.7, 9, 9, 0, "t")


def _comparison(*rows: Difference) -> Comparison:
    return Comparison("run a", "run b", (), Pairing((("p", 0),)), rows, {})


def _dark(png: bytes) -> np.ndarray:
    """Which pixels are black, (height, width)."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("L")) < 60


def test_equal_comparisons_give_equal_bytes_and_others_do_not() -> None:
    png = forest_png(_comparison(_ROW))
    assert png == forest_png(_comparison(_ROW))
    assert png != forest_png(_comparison(replace(_ROW, difference=1.2)))
    assert b"Software" not in png


def test_a_longer_interval_is_a_longer_line_and_none_is_none() -> None:
    def longest(low: float, high: float) -> int:
        # A second row, always the same, holds the axis still.
        wide = replace(_ROW, category="x", low=-4.0, high=4.0, difference=0.0)
        dark = _dark(forest_png(_comparison(replace(_ROW, low=low, high=high), wide)))
        runs = [max(map(len, "".join("#" if p else " " for p in line).split()), default=0) for line in dark]
        first, *_ = [run for run in runs if run > 25] or [0]  # from the top: the first row's line
        return first

    assert longest(0.0, 2.0) > 1.8 * longest(0.5, 1.5) > 0
    second = longest(math.nan, math.nan)  # only the second row's line is left
    assert second > longest(0.0, 2.0)


def test_metrics_get_a_panel_each_and_rows_more_room() -> None:
    one = Image.open(io.BytesIO(forest_png(_comparison(_ROW))))
    rows = [replace(_ROW, category=name) for name in ("Colors", "", "Text")]
    more = Image.open(io.BytesIO(forest_png(_comparison(_ROW, *rows))))
    two = Image.open(io.BytesIO(forest_png(_comparison(_ROW, replace(_ROW, metric="n", direction="lower")))))
    assert one.width == more.width == two.width
    assert one.height < more.height < two.height + 200
    assert one.height < two.height
