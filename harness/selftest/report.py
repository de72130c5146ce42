"""A check of the self-test, its outcome, and how outcomes are shown."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from drawbench.errors import InputError

Stage = Literal["decode", "resize", "tokenise", "features", "metric"]
STAGES: tuple[Stage, ...] = ("decode", "resize", "tokenise", "features", "metric")
Measure = Literal["max", "mean", "relative"]
_TABLE_WIDTH = 170


class Skip(Exception):
    """A check that cannot be made here; the message says why."""


@dataclass(frozen=True, slots=True)
class Check:
    """Something that has a known value. `compute` gives (expected, got), numbers or arrays of one shape.

    The drift is the greatest or the mean absolute difference, or the greatest one relative to the greatest
    expected value; up to `tolerance` it is fine. `compute` may raise Skip.
    """

    stage: Stage
    name: str
    tolerance: float
    compute: Callable[[], tuple[ArrayLike, ArrayLike]]
    measure: Measure = "max"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a check. `expected` and `got` are the values at the place that differs most.

    `why` says why it was skipped, or what went wrong where the stack failed or gave another shape.
    """

    stage: Stage
    check: str
    status: Literal["ok", "drift", "skipped"]
    tolerance: float
    expected: float | None = None
    got: float | None = None
    drift: float | None = None
    why: str | None = None
    seconds: float = 0.0


def run_checks(checks: Iterable[Check]) -> list[Outcome]:
    """Makes every check; one that fails or cannot be made does not stop the others."""
    return [_run(check) for check in checks]


def first_moved(outcomes: Sequence[Outcome]) -> Stage | None:
    """The earliest stage with a drift, or None."""
    moved = {outcome.stage for outcome in outcomes if outcome.status == "drift"}
    return next((stage for stage in STAGES if stage in moved), None)


def verdict_line(outcomes: Sequence[Outcome]) -> str:
    """What it comes to, in one line."""
    counts = {status: sum(o.status == status for o in outcomes) for status in ("ok", "drift", "skipped")}
    numbers = f"{counts['ok']} ok, {counts['drift']} drift, {counts['skipped']} skipped"
    stage = first_moved(outcomes)
    if stage is None:
        return f"{numbers}: no stage has moved"
    return f"{numbers}: the first stage that moved is {stage}"


def as_json(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The outcomes as a JSON value; a drift without a number is null."""
    rows = [
        {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in row}
        for row in (asdict(outcome).items() for outcome in outcomes)
    ]
    return {"first_moved": first_moved(outcomes), "verdict": verdict_line(outcomes), "checks": rows}


def print_table(outcomes: Sequence[Outcome]) -> None:
    """Prints one line for each check, and the verdict."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("stage", "check"):
        table.add_column(title, no_wrap=True)
    for title in ("expected", "got", "drift", "tolerance"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("")
    for outcome in outcomes:
        numbers = [_number(v) for v in (outcome.expected, outcome.got, outcome.drift)]
        said = {"ok": "ok", "drift": "DRIFT", "skipped": "skipped"}[outcome.status]
        told = f"{said}: {outcome.why}" if outcome.why else said
        table.add_row(outcome.stage, outcome.check, *numbers, f"{outcome.tolerance:.1g}", told)
    Console(width=None if sys.stdout.isatty() else _TABLE_WIDTH, markup=False, highlight=False).print(table)
    print(verdict_line(outcomes))


def _run(check: Check) -> Outcome:
    start = time.perf_counter()

    def outcome(status: Literal["ok", "drift", "skipped"], **rest: Any) -> Outcome:
        seconds = round(time.perf_counter() - start, 3)
        return Outcome(check.stage, check.name, status, check.tolerance, seconds=seconds, **rest)

    try:
        expected, got = (np.asarray(value, np.float64) for value in check.compute())
    except Skip as reason:
        return outcome("skipped", why=str(reason))
    except InputError as error:
        return outcome("drift", why=str(error))
    except Exception as error:  # whatever the installed stack does wrong belongs in the table
        first = next(iter(str(error).splitlines()), "")
        return outcome("drift", why=f"{type(error).__name__}: {first}")
    if expected.shape != got.shape:
        return outcome("drift", why=f"shape {got.shape}, expected {expected.shape}")
    apart = np.abs(got - expected)
    if not np.isfinite(apart).all():
        return outcome("drift", why="values that are not finite")
    shown = apart if apart.any() else np.abs(expected)
    worst = np.unravel_index(int(shown.argmax()), shown.shape)
    drift = float(apart.mean() if check.measure == "mean" else apart.max())
    if check.measure == "relative":
        drift /= max(float(np.abs(expected).max()), np.finfo(np.float64).tiny)
    return outcome(
        "ok" if drift <= check.tolerance else "drift",
        expected=float(expected[worst]),
        got=float(got[worst]),
        drift=drift,
    )


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.7g}" if value == 0 or abs(value) >= 1e-3 else f"{value:.1e}"
