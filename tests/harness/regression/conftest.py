"""Verdicts made of evidence, for the tests of rules and outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from harness.regression.evidence import Evidence, PairedValues, mean_evidence
from harness.regression.noise_band import NoiseBand
from harness.regression.verdict import Policy, RunLabel, Verdict, judge_rows, judge_whole
from harness.regression.worst import Change, WorstPrompt
from harness.types import Direction

MakeEvidence = Callable[..., Evidence]
MakeVerdict = Callable[..., Verdict]


@pytest.fixture
def make_evidence() -> MakeEvidence:
    """Evidence of pairs of values, one pair a prompt."""

    def make(
        a: Sequence[float],
        b: Sequence[float],
        *,
        metric: str = "scenes_accuracy",
        category: str | None = None,
        direction: Direction = "higher",
        margin: float = 0.03,
        bounds: tuple[float, float] | None = None,
        identical: bool = False,
        noise: NoiseBand | None = None,
    ) -> Evidence:
        places = tuple((f"p{i}", 0) for i in range(len(a)))
        pairs = PairedValues(category, np.array(a, float), np.array(b, float), places, 0)
        return mean_evidence(metric, direction, pairs, margin, bounds, identical=identical, noise=noise)

    return make


@pytest.fixture
def make_verdict(make_evidence: MakeEvidence) -> MakeVerdict:
    """A verdict over 60 pairs whose candidate is `shift` away, with worst prompts of that `text`."""

    def make(
        shift: float = -0.2,
        *,
        text: str = "a red cube",
        category: str = "Colours",
        policy: Policy = "exit",
        rows: int = 1,
        reason: str = "no red cube found",
        prompt_id: str = "p0",
    ) -> Verdict:
        rng = np.random.default_rng(0)
        a = rng.normal(0.6, 0.05, 60)
        b = a + shift + rng.normal(0, 0.02, 60)
        evidence = [make_evidence(a.tolist(), b.tolist())]
        evidence += [
            make_evidence(a[:20].tolist(), b[:20].tolist(), category=f"{category} {i}" if i else category)
            for i in range(rows)
        ]
        judged = judge_rows(evidence)
        outcome, headline = judge_whole(judged)
        change = Change("scenes_accuracy", 1.0, 0.0, 33.0, "", reason)
        return Verdict(
            outcome=outcome,
            headline=headline,
            baseline=RunLabel("run-a", "a" * 64, "imagen", "2026-01-01T00:00:00+00:00", "abc123"),
            candidate=RunLabel("run-b", "b" * 64, "imagen", "2026-01-02T00:00:00+00:00", "def456"),
            rows=judged,
            policy=policy,
            bench="scenes",
            counts={"pairs": 60},
            worst=tuple(WorstPrompt(f"{prompt_id}{n}", 0, text, category, 9.0, (change,)) for n in range(3)),
            identities={"scenes_accuracy": "scenes_accuracy[x|png]"},
            margins={"scenes_accuracy": "0.03: a reason"},
            date="2026-01-03T00:00:00+00:00",
        )

    return make
