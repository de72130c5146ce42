"""Margins: every metric has one with a reason, and those of the command line stand above."""

from __future__ import annotations

import pytest

from drawbench.errors import InputError
from harness.metrics import built_in
from harness.regression.margins import DEFAULTS, Margin, margin_of, parse_margins


@pytest.mark.parametrize("name", [metric.name for metric in built_in()])
def test_every_built_in_metric_has_a_margin_of_its_own(name: str) -> None:
    margin = margin_of(name, {})
    assert margin is not DEFAULTS[-1][1], "falls to the margin of unknown metrics"
    assert margin.value > 0
    assert margin.reason


def test_an_unknown_metric_gets_a_share_of_the_baseline() -> None:
    margin = margin_of("my_metric", {})
    assert margin.relative
    assert margin.at(-40.0) == pytest.approx(2.0)


def test_a_limit_is_not_taken_for_the_distance() -> None:
    assert margin_of("fid_infinity", {}).value == 0.1
    assert margin_of("fid", {}).value == 0.05


def test_given_margins_are_absolute_or_relative() -> None:
    given = parse_margins(["fid=3%", "clip_score=0.25"])
    assert given["fid"].at(20.0) == pytest.approx(0.6)
    assert given["clip_score"] == Margin(0.25, False, "given with --margin")
    assert margin_of("fid", given).text == "3%"


@pytest.mark.parametrize("text", ["fid", "=2", "fid=", "fid=x", "fid=-1", "fid=nan", "fid=inf%"])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="--margin"):
        parse_margins([text])


def test_a_metric_named_twice_is_refused() -> None:
    with pytest.raises(InputError, match="twice"):
        parse_margins(["fid=1", "fid=2"])
