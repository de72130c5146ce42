"""The verdict: pass, regression, inconclusive, improved or not comparable. Pure rules on evidence.

A row (a metric over all prompts or over a category) is a *regression* where its 95% interval, corrected by
Holm for the number of rows, says that the gain is below -margin, and where the candidate's value is none
that a repeat of the baseline could have. It *passes* where the interval's lower end is above -margin, is
*improved* where, corrected likewise, the gain is above 0, and else *inconclusive*.

One regression makes the whole a regression. Else the whole rests on the rows over all prompts alone: a
category of twenty prompts can show a loss, but hardly ever that there is none.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.exits import BAD_VERDICT, FINE, INCONCLUSIVE, NOT_COMPARABLE
from harness.regression.evidence import ALPHA, Evidence
from harness.regression.margins import FAILURES_METRIC
from harness.regression.power import detectable
from harness.regression.worst import WorstPrompt
from harness.score import seven_digits
from harness.stats import holm

SCHEMA = 1
Outcome = Literal["improved", "pass", "inconclusive", "regression", "not comparable"]
Policy = Literal["exit", "fail", "warn", "pass"]
RANK: Mapping[str, int] = {
    "improved": 0,
    "pass": 1,
    "inconclusive": 2,
    "regression": 3,
    "not comparable": 4,
}


@dataclass(frozen=True, slots=True)
class RowVerdict:
    """What one row comes to and why. `p_worse` and `p_better` are adjusted by Holm over all rows.

    `decides`: the verdict on the whole rests on this row. `detectable_80` and `detectable_95` are the true
    losses that such a comparison calls a regression with 80% and 95% probability.
    """

    evidence: Evidence
    outcome: Outcome
    reason: str
    decides: bool
    p_worse: float
    p_better: float
    detectable_80: float
    detectable_95: float

    @property
    def name(self) -> str:
        """The metric, with the category in brackets where there is one."""
        category = self.evidence.category
        return self.evidence.metric if category is None else f"{self.evidence.metric} [{category or 'none'}]"


@dataclass(frozen=True, slots=True)
class RunLabel:
    """Which run a side is: its name, hash, model, when it began, and the commit of the code that drew it."""

    name: str
    run_hash: str
    model: str
    created: str
    commit: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The one object that text, JSON, JUnit, Markdown, HTML and the exit status are made from.

    `field` names what is not comparable. `counts` says what became of the samples, `differing` has (field, in
    the baseline, in the candidate). `policy` says what an inconclusive verdict does to the exit status.
    """

    outcome: Outcome
    headline: str
    baseline: RunLabel
    candidate: RunLabel
    rows: tuple[RowVerdict, ...] = ()
    field: str | None = None
    policy: Policy = "exit"
    bench: str = ""
    counts: Mapping[str, int] = dataclasses.field(default_factory=dict)
    differing: tuple[tuple[str, str, str], ...] = ()
    identities: Mapping[str, str] = dataclasses.field(default_factory=dict)
    margins: Mapping[str, str] = dataclasses.field(default_factory=dict)
    worst: tuple[WorstPrompt, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    repeats: int = 0
    date: str = ""

    @property
    def exit_status(self) -> int:
        """0 pass or improved, 1 regression, 3 inconclusive (by `policy` 1 or 0), 4 not comparable."""
        if self.outcome == "inconclusive":
            return {"exit": INCONCLUSIVE, "fail": BAD_VERDICT, "warn": FINE, "pass": FINE}[self.policy]
        by_outcome = {"regression": BAD_VERDICT, "not comparable": NOT_COMPARABLE}
        return by_outcome.get(self.outcome, FINE)

    def having(self, outcome: Outcome) -> tuple[RowVerdict, ...]:
        """The rows of that outcome."""
        return tuple(row for row in self.rows if row.outcome == outcome)


def judge_rows(evidence: Sequence[Evidence]) -> tuple[RowVerdict, ...]:
    """Each row's verdict, corrected for the number of rows."""
    worse, better = (holm([getattr(e, name) for e in evidence]) for name in ("p_worse", "p_better"))
    tests = sum(math.isfinite(e.p_worse) for e in evidence)
    rows = []
    for one, p_worse, p_better in zip(evidence, map(float, worse), map(float, better), strict=True):
        outcome, reason = _judge(one, p_worse, p_better)
        rows.append(
            RowVerdict(
                evidence=one,
                outcome=outcome,
                reason=reason,
                decides=one.category is None,
                p_worse=seven_digits(p_worse),
                p_better=seven_digits(p_better),
                detectable_80=seven_digits(detectable(one.error, one.degrees, one.margin, tests, 0.8)),
                detectable_95=seven_digits(detectable(one.error, one.degrees, one.margin, tests, 0.95)),
            )
        )
    return tuple(rows)


def judge_whole(rows: Sequence[RowVerdict]) -> tuple[Outcome, str]:
    """The verdict on the whole, and one line that says what it rests on. Raises ValueError without rows."""
    deciding = [row for row in rows if row.decides]
    if not deciding:
        raise ValueError("a verdict needs a row over all prompts")
    regressed = [row for row in rows if row.outcome == "regression"]
    if regressed:
        return "regression", f"worse than the margin allows: {_names(regressed)}"
    unclear = [row for row in deciding if row.outcome == "inconclusive"]
    if unclear:
        return "inconclusive", f"neither a loss nor its absence is shown: {_names(unclear)}"
    improved = [row for row in deciding if row.outcome == "improved"]
    if improved:
        return "improved", f"better, and nothing worse than its margin: {_names(improved)}"
    return "pass", f"{_names(deciding)}: no loss beyond the margin"


def _judge(one: Evidence, p_worse: float, p_better: float) -> tuple[Outcome, str]:
    if one.identical:
        return "pass", "both sides have the same pictures"
    if not (math.isfinite(one.low) and math.isfinite(one.high)):
        return "inconclusive", "too few prompts for an interval"
    usual = one.noise is not None and one.noise.holds(one.b)
    if p_worse < ALPHA:
        if usual:
            return "inconclusive", "beyond the margin, but within what the baseline's repeats vary by"
        return "regression", "the interval lies beyond the margin"
    if one.metric == FAILURES_METRIC and one.gain >= 0:
        return "pass", "no more failed samples than the baseline"
    if one.low > -one.margin:
        if p_better < ALPHA and not usual:
            return "improved", "the interval lies above 0"
        return "pass", "the interval lies above the margin"
    return "inconclusive", "the interval holds the margin"


def _names(rows: Sequence[RowVerdict], most: int = 6) -> str:
    shown = ", ".join(row.name for row in rows[:most])
    return shown + (f" and {len(rows) - most} more" if len(rows) > most else "")
