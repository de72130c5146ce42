"""The rows of a sweep, and how numbers are written."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable

import pytest

from harness.pareto.curves import Pareto
from harness.pareto.table import (
    failure_lines,
    interval_text,
    pareto_csv,
    pareto_rows,
    print_pareto,
    value_text,
)

Make = Callable[..., Pareto]


def test_every_point_is_a_row_and_failures_are_counted(make_pareto: Make) -> None:
    pareto = make_pareto(("static", "dynamic"), {("dynamic", 8): 3, ("dynamic", 9): 150})
    rows = list(csv.DictReader(io.StringIO(pareto_csv(pareto).decode())))
    assert len(rows) == len(pareto_rows(pareto)) == 26
    by_place = {(row["curve"], row["at"]): row for row in rows}
    lost = by_place["dynamic", "9"]
    assert (lost["scenes_accuracy"], lost["failed"]) == ("", "150")
    assert by_place["dynamic", "8"]["fd_effnet_lite0_n"] == "147"
    assert {row["on_front"] for row in rows if row["curve"] == "dynamic"} == {"False"}
    assert -1 <= float(rows[0]["correlation"]) <= 1
    assert failure_lines(pareto) == [
        "dynamic 8: 3 of 150 pictures missing",
        "dynamic 9: 150 of 150 pictures missing",
        "dynamic 9: not scored, there is no picture to score",
    ]


def test_the_terminal_shows_scores_front_and_failures(
    make_pareto: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    print_pareto(make_pareto(("static", "dynamic"), {("dynamic", 8): 3}))
    out = capsys.readouterr().out
    assert "front, knee" in out
    assert "hypervolume from (0.45, 290): static:" in out
    assert "dynamic minus static: -" in out
    assert "dynamic 8: 3 of 150 pictures missing" in out
    assert "it broke" in out
    assert "scenes_accuracy[made|up]" in out


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1"), (1.25, "1.25"), ("static", "static"), (None, "none"), ([-2, 2], "[-2, 2]"), (True, "true")],
)
def test_values_are_short(value: object, text: str) -> None:
    assert value_text(value) == text


def test_intervals_have_the_decimals_they_deserve() -> None:
    assert interval_text(0.94, 0.8891, 0.968) == "0.940 [0.889, 0.968]"
    assert interval_text(223.17, 215.08, 231.2) == "223.2 [215.1, 231.2]"
    assert interval_text(12345.6, 12000.0, 12700.0) == "12,346 [12,000, 12,700]"
    assert interval_text(0.5, math.nan, math.nan) == "0.5"
