"""The rules: what passes, what regresses, what stays open; worse candidates never get better verdicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.regression.evidence import Evidence
from harness.regression.margins import FAILURES_METRIC
from harness.regression.noise_band import noise_band
from harness.regression.verdict import RANK, Verdict, judge_rows, judge_whole

MakeEvidence = Callable[..., Evidence]
MakeVerdict = Callable[..., Verdict]
SLOW = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _pairs(shift: float, n: int = 80, spread: float = 0.05, seed: int = 0) -> tuple[list[float], list[float]]:
    rng = np.random.default_rng(seed)
    a = rng.normal(0.5, 0.1, n)
    return a.tolist(), (a + shift + rng.normal(0, spread, n)).tolist()


@pytest.mark.parametrize(
    ("shift", "spread", "outcome", "status"),
    [
        (-0.2, 0.05, "regression", 1),
        (-0.01, 0.01, "pass", 0),
        (0.1, 0.05, "improved", 0),
        (-0.02, 0.2, "inconclusive", 3),
    ],
)
def test_each_outcome_has_its_cause_and_exit_status(
    make_evidence: MakeEvidence, shift: float, spread: float, outcome: str, status: int
) -> None:
    rows = judge_rows([make_evidence(*_pairs(shift, spread=spread))])
    found, _ = judge_whole(rows)
    assert found == outcome
    verdict = Verdict(outcome=found, headline="", baseline=None, candidate=None)  # type: ignore[arg-type]
    assert verdict.exit_status == status


@pytest.mark.parametrize(("policy", "status"), [("exit", 3), ("fail", 1), ("warn", 0), ("pass", 0)])
def test_the_policy_decides_what_inconclusive_comes_to(
    make_verdict: MakeVerdict, policy: str, status: int
) -> None:
    verdict = replace(make_verdict(), outcome="inconclusive", policy=policy)
    assert verdict.exit_status == status
    for outcome, other in (("regression", 1), ("pass", 0), ("improved", 0), ("not comparable", 4)):
        assert replace(verdict, outcome=outcome).exit_status == other


def test_lower_is_better_is_turned(make_evidence: MakeEvidence) -> None:
    a, b = _pairs(0.2)
    (row,) = judge_rows([make_evidence(a, b, direction="lower")])
    assert row.outcome == "regression"
    assert row.evidence.gain == pytest.approx(-0.2, abs=0.02)


def test_a_category_can_fail_the_whole_and_cannot_leave_it_open(make_evidence: MakeEvidence) -> None:
    whole = make_evidence(*_pairs(0.0, n=400, spread=0.02))
    bad = make_evidence(*_pairs(-0.3, n=20), category="Text")
    unclear = make_evidence(*_pairs(-0.03, n=5, spread=0.3), category="Counts")
    assert judge_whole(judge_rows([whole, unclear]))[0] == "pass"
    outcome, why = judge_whole(judge_rows([whole, unclear, bad]))
    assert outcome == "regression"
    assert "scenes_accuracy [Text]" in why


def test_the_margin_is_what_may_be_lost(make_evidence: MakeEvidence) -> None:
    a, b = _pairs(-0.1, n=200, spread=0.05)
    assert judge_rows([make_evidence(a, b, margin=0.05)])[0].outcome == "regression"
    assert judge_rows([make_evidence(a, b, margin=0.15)])[0].outcome == "pass"


def test_many_rows_make_a_single_small_one_less_certain(make_evidence: MakeEvidence) -> None:
    a, b = _pairs(-0.06, n=60, spread=0.07)
    alone = make_evidence(a, b)
    assert alone.p_worse < 0.025
    quiet = [make_evidence(*_pairs(0.0, seed=i), category=f"c{i}") for i in range(1, 40)]
    assert judge_rows([alone])[0].outcome == "regression"
    assert judge_rows([alone, *quiet])[0].outcome == "inconclusive"


def test_a_loss_within_the_repeats_own_noise_is_no_regression(make_evidence: MakeEvidence) -> None:
    a, b = _pairs(-0.2)
    mean = float(np.mean(b))
    wide, narrow = noise_band([mean - 0.1, mean, mean + 0.1]), noise_band([0.5, 0.501, 0.499])
    assert judge_rows([make_evidence(a, b, noise=wide)])[0].outcome == "inconclusive"
    assert judge_rows([make_evidence(a, b, noise=narrow)])[0].outcome == "regression"


def test_equal_pictures_pass_at_any_number(make_evidence: MakeEvidence) -> None:
    (row,) = judge_rows([make_evidence([1, 0, 1], [1, 0, 1], bounds=(0, 1), identical=True)])
    assert row.outcome == "pass"


def test_one_prompt_is_never_more_than_inconclusive(make_evidence: MakeEvidence) -> None:
    (row,) = judge_rows([make_evidence([1.0], [0.0], bounds=(0, 1))])
    assert row.outcome == "inconclusive"


def test_failures_pass_where_there_are_no_more_of_them(make_evidence: MakeEvidence) -> None:
    def failed(count: int) -> list[float]:
        return [1.0] * count + [0.0] * (50 - count)

    def outcome(before: int, after: int) -> str:
        evidence = make_evidence(
            failed(before),
            failed(after),
            metric=FAILURES_METRIC,
            direction="lower",
            margin=0.01,
            bounds=(0, 1),
        )
        return judge_rows([evidence])[0].outcome

    assert outcome(0, 0) == outcome(3, 3) == outcome(5, 2) == "pass"
    assert outcome(0, 1) == "inconclusive"
    assert outcome(0, 20) == "regression"


@SLOW
@given(
    st.floats(-0.3, 0.3), st.floats(0.0, 0.3), st.floats(0.005, 0.2), st.integers(4, 60), st.integers(0, 99)
)
def test_a_worse_candidate_never_gets_a_better_verdict(
    make_evidence: MakeEvidence, shift: float, further: float, spread: float, n: int, seed: int
) -> None:
    a, b = _pairs(shift, n, spread, seed)
    half = n // 2

    def outcome(worse: float) -> str:
        shifted = [value - worse for value in b]
        rows = [make_evidence(a, shifted), make_evidence(a[:half], shifted[:half], category="x")]
        return judge_whole(judge_rows(rows))[0]

    assert RANK[outcome(further)] >= RANK[outcome(0.0)]


@SLOW
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=5, max_size=80), st.integers(1, 30))
def test_fewer_right_pictures_never_get_a_better_verdict(
    make_evidence: MakeEvidence, pairs: list[tuple[bool, bool]], lost: int
) -> None:
    a, b = ([float(pair[side]) for pair in pairs] for side in (0, 1))
    worse = list(b)
    for place in [i for i, value in enumerate(b) if value][:lost]:
        worse[place] = 0.0
    outcomes = [
        judge_whole(judge_rows([make_evidence(a, side, bounds=(0.0, 1.0))]))[0] for side in (b, worse)
    ]
    assert RANK[outcomes[1]] >= RANK[outcomes[0]]
