"""How the primary estimates change with who and what is counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from human_eval_app.analysis.answers import Answers, Sorted, answers_that_count
from human_eval_app.analysis.estimates import PRIMARY, Row, estimate_rows
from human_eval_app.analysis.rater_habits import RaterHabits

if TYPE_CHECKING:
    import pandas as pd

REPORTED = "as reported"


@dataclass(frozen=True, slots=True)
class Variant:
    """The primary estimate, mean over categories, under another choice of what counts."""

    counted: str
    row: Row


def sensitivity(
    ready: Sorted,
    reported: Answers,
    habits: Sequence[RaterHabits],
    *,
    gate: float,
    other_gate: float,
    resamples: int = 2000,
    seed: int = 0,
) -> list[Variant]:
    """The reported estimates, then each other choice that changes which answers count.

    `other_gate` is tried where there is no `gate`. Choices that leave no answer are left out.
    """
    primary = PRIMARY[reported.kind]
    found = []
    for words, answers in _choices(ready, reported, habits, gate, other_gate):
        if words != REPORTED and len(answers.table) in (0, len(reported.table)):
            continue
        rows = estimate_rows(answers, resamples=resamples, seed=seed, only=primary, scope="macro")
        found += [Variant(words, row) for row in rows]
    return found


def _choices(
    ready: Sorted,
    reported: Answers,
    habits: Sequence[RaterHabits],
    gate: float,
    other_gate: float,
) -> Iterator[tuple[str, Answers]]:
    yield REPORTED, reported
    if gate > 0:
        yield "every rater, whatever their control trials", answers_that_count(ready)
    elif other_gate > 0:
        yield (
            f"only raters with {other_gate:.0%} of control trials right",
            answers_that_count(ready, gate=other_gate),
        )
    yield (
        "what was excluded put back",
        answers_that_count(ready, gate=gate, include_excluded=True),
    )
    table = reported.table
    hasty = {habit.rater for habit in habits if habit.hasty}
    yield "without hasty raters", _with(reported, table[~table["rater"].astype(str).isin(hasty)])
    one_sided = {habit.rater for habit in habits if habit.left_holm < 0.05}
    yield (
        "without raters who prefer a side",
        _with(reported, table[~table["rater"].astype(str).isin(one_sided)]),
    )
    yield "without flagged pages", _with(reported, table[~table["flagged"]])


def _with(answers: Answers, table: pd.DataFrame) -> Answers:
    return replace(answers, table=table.reset_index(drop=True))
