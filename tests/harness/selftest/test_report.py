"""Outcomes: what counts as drift, and what is shown."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from drawbench.errors import InputError
from harness.selftest.report import Check, Measure, Skip, as_json, first_moved, run_checks, verdict_line


def _check(expected: Any, got: Any, tolerance: float = 0.1, measure: Measure = "max") -> Check:
    return Check("metric", "a check", tolerance, lambda: (expected, got), measure)


@pytest.mark.parametrize(
    ("expected", "got", "measure", "drift", "status"),
    [
        (2.0, 2.1, "max", 0.1, "drift"),
        (2.0, 2.05, "max", 0.05, "ok"),
        ([0.0, 100.0], [0.3, 100.0], "mean", 0.15, "drift"),
        ([0.0, 100.0], [0.3, 100.0], "relative", 0.003, "ok"),
        ([0.0, 0.0], [0.0, 1e-9], "relative", None, "drift"),
    ],
)
def test_measures(expected: Any, got: Any, measure: Measure, drift: float | None, status: str) -> None:
    (outcome,) = run_checks([_check(expected, got, 0.0999, measure)])
    assert outcome.status == status
    if drift is not None:
        assert outcome.drift == pytest.approx(drift)


def test_the_place_that_differs_most_is_shown() -> None:
    (outcome,) = run_checks([_check([1.0, 5.0, 9.0], [1.0, 7.0, 9.5])])
    assert (outcome.expected, outcome.got) == (5.0, 7.0)
    (equal,) = run_checks([_check([1.0, -5.0], [1.0, -5.0])])
    assert (equal.expected, equal.drift) == (-5.0, 0.0)


def _raising(error: Exception) -> Check:
    def compute() -> Any:
        raise error

    return Check("resize", "broken", 0, compute)


def test_what_fails_is_drift_and_stops_nothing() -> None:
    outcomes = run_checks(
        [
            _raising(RuntimeError("no such\nkernel")),
            _raising(InputError("the file is gone")),
            _raising(Skip("no weights")),
            _check([1.0], [1.0, 2.0]),
            _check([1.0], [np.nan]),
            _check(1.0, 1.0),
        ]
    )
    assert [outcome.status for outcome in outcomes] == ["drift", "drift", "skipped", "drift", "drift", "ok"]
    whys = [outcome.why for outcome in outcomes]
    assert whys[:3] == ["RuntimeError: no such", "the file is gone", "no weights"]
    assert "shape (2,), expected (1,)" in str(whys[3])
    assert "not finite" in str(whys[4])
    assert first_moved(outcomes) == "resize"
    assert verdict_line(outcomes) == "1 ok, 4 drift, 1 skipped: the first stage that moved is resize"
    document = json.loads(json.dumps(as_json(outcomes), allow_nan=False))
    assert document["first_moved"] == "resize"
    assert len(document["checks"]) == 6


def test_nothing_moved() -> None:
    outcomes = run_checks([_check(1.0, 1.0), _raising(Skip("no weights"))])
    assert first_moved(outcomes) is None
    assert verdict_line(outcomes) == "1 ok, 0 drift, 1 skipped: no stage has moved"
