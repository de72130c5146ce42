"""The planner's promise holds: a loss that it says is found 95 times in 100 is found that often."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from harness.regression.evidence import Evidence
from harness.regression.planner import Noise, PlanRow, plan_rows, unpaired_error
from harness.regression.power import detectable
from harness.regression.verdict import judge_rows

MakeEvidence = Callable[..., Evidence]
CASES = 200


def _plan(values: np.ndarray, bounds: tuple[float, float] | None, margin: float) -> PlanRow:
    n = values.size
    error, source = unpaired_error(values, [str(i) for i in range(n)], bounds)
    mean = float(values.mean())
    noise = Noise("m", None, "higher", mean, n, n, error, n - 1.0, source, margin, bounds)
    return plan_rows([noise])[0]


def test_a_share_of_right_pictures(make_evidence: MakeEvidence) -> None:
    rng = np.random.default_rng(3)
    found = 0
    for _ in range(CASES):
        a = (rng.random(200) < 0.9).astype(float)
        loss = _plan(a, (0.0, 1.0), 0.03).detectable_95
        b = (rng.random(200) < 0.9 - loss).astype(float)
        rows = judge_rows([make_evidence(a.tolist(), b.tolist(), bounds=(0.0, 1.0))])
        found += rows[0].outcome == "regression"
    assert found / CASES >= 0.93


def test_a_mean_of_numbers(make_evidence: MakeEvidence) -> None:
    rng = np.random.default_rng(4)
    found = 0
    for _ in range(CASES):
        a = rng.normal(25, 3, 100)
        loss = _plan(a, None, 0.3).detectable_95
        b = rng.normal(25 - loss, 3, 100)
        rows = judge_rows([make_evidence(a.tolist(), b.tolist(), margin=0.3)])
        found += rows[0].outcome == "regression"
    assert 0.92 <= found / CASES <= 0.985


def test_power_is_what_detectable_says(make_evidence: MakeEvidence) -> None:
    rng = np.random.default_rng(5)
    loss = detectable(0.1 / math.sqrt(80), 79, 0.03, 1, 0.8)
    found = 0
    for _ in range(CASES):
        a = rng.normal(0.5, 0.2, 80)
        b = a - loss + rng.normal(0, 0.1, 80)
        found += judge_rows([make_evidence(a.tolist(), b.tolist())])[0].outcome == "regression"
    assert found / CASES == pytest.approx(0.8, abs=0.08)


def test_an_equal_candidate_passes_with_that_many_prompts(make_evidence: MakeEvidence) -> None:
    rng = np.random.default_rng(6)
    needed = _plan(rng.normal(25, 3, 100), None, 0.6).prompts_to_pass
    assert needed is not None
    passed = 0
    for _ in range(CASES):
        a, b = rng.normal(25, 3, (2, needed))
        outcome = judge_rows([make_evidence(a.tolist(), b.tolist(), margin=0.6)])[0].outcome
        passed += outcome in ("pass", "improved")
    assert passed / CASES == pytest.approx(0.8, abs=0.15)  # the error of 100 prompts is known to 7% alone


def test_more_rows_and_fewer_prompts_find_less() -> None:
    rng = np.random.default_rng(7)
    values = rng.normal(0, 1, 200)
    few, many = _plan(values[:50], None, 0.1), _plan(values, None, 0.1)
    assert few.detectable_95 > many.detectable_95 > many.detectable_80 > 0.1
    together = plan_rows([many.noise] * 20)[0]
    assert together.detectable_95 > many.detectable_95


def test_samples_of_a_prompt_tell_its_noise() -> None:
    rng = np.random.default_rng(8)
    level = rng.normal(0, 5, 100).repeat(4)
    values = level + rng.normal(0, 1, 400)
    error, source = unpaired_error(values, [str(i // 4) for i in range(400)], None)
    assert source == "spread between samples of a prompt"
    assert error == pytest.approx(math.sqrt(2 / 400), rel=0.1)


def test_what_cannot_be_said_is_not_said() -> None:
    row = _plan(np.array([0.3]), None, 0.1)
    assert math.isnan(row.detectable_95)
    assert row.prompts_to_pass is None
    assert math.isnan(detectable(0.1, 2, 0.1, 1, 0.95))
