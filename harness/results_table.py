"""A run's results for people: a short table on stdout."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from harness.summary import TRUNCATED
from harness.types import FAILURES

PLAIN_WIDTH = 120
FAILURES_SHOWN = 3


def print_summary(summary: Mapping[str, Any], run_dir: str) -> None:
    """Prints counts, scores and what must be said beside them."""
    print(counts_line(summary))
    for failure in summary["failures"][:FAILURES_SHOWN]:
        print(f"  {failure['status']} {failure['prompt_id']}/{failure['index']}: {failure['reason']}")
    if summary["truncated_prompts"]:
        print(f"{len(summary['truncated_prompts'])} prompts were cut short by the model")
    for note, count in summary["sample_notes"].items():
        if not note.startswith(TRUNCATED):
            print(f"{count} pictures: {note}")
    if summary["scores"]:
        _print_scores(summary["scores"])
    for metric, reason in summary["skipped"]:
        print(f"not computed: {metric}: {reason}")
    for note in summary["notes"]:
        print(f"note: {note}")
    print(f"run folder: {run_dir}")


def counts_line(summary: Mapping[str, Any]) -> str:
    """ "200 planned = 198 ok + 2 error (on failure: count)": the parts always add up."""
    counts = summary["counts"]
    parts = [f"{counts['ok']} ok"]
    parts += [f"{counts[status]} {status}" for status in (*FAILURES, "missing") if counts[status]]
    line = f"{counts['planned']} planned = {' + '.join(parts)} (on failure: {summary['on_failure']})"
    if summary["drawn_again"]:
        line += f", {summary['drawn_again']} drawn again"
    return line


def _print_scores(scores: Sequence[Mapping[str, Any]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("metric", "category", "value", "95% interval", "n"):
        table.add_column(name, justify="left" if name in ("metric", "category") else "right")
    for score in scores:
        table.add_row(
            f"{score['metric']} {'↑' if score['direction'] == 'higher' else '↓'}",
            "all" if score["category"] is None else score["category"] or "no category",
            _number(score["value"]),
            f"{_number(score['low'])} to {_number(score['high'])}",
            str(score["n"]),
        )
    Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH, markup=False).print(table)
    for identity in dict.fromkeys(score["identity"] for score in scores):
        print(identity)


def _number(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return "n/a"
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:.1f}"
