"""A run's results for people: a short table on stdout."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.summary import TRUNCATED
from harness.types import FAILURES

if TYPE_CHECKING:
    from rich.table import Table

PLAIN_WIDTH = 120
FAILURES_SHOWN = 3


def print_summary(summary: Mapping[str, Any], run_dir: str, *, as_json: bool = False) -> None:
    """Prints counts, scores and what must be said beside them, or the summary as JSON and nothing else."""
    if as_json:
        print(json.dumps(summary, indent=2, ensure_ascii=False))
        return
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


def print_notices(notices: Iterable[str], *, as_json: bool) -> None:
    """Prints what every output must show, apart from JSON on stdout."""
    for notice in notices:
        print(notice, file=sys.stderr if as_json else sys.stdout, flush=True)


def counts_line(summary: Mapping[str, Any]) -> str:
    """ "200 planned = 198 ok + 2 error (on failure: count)": the parts always add up."""
    counts = summary["counts"]
    parts = [f"{counts['ok']} ok"]
    parts += [f"{counts[status]} {status}" for status in (*FAILURES, "missing") if counts[status]]
    line = f"{counts['planned']} planned = {' + '.join(parts)} (on failure: {summary['on_failure']})"
    if summary["drawn_again"]:
        line += f", {summary['drawn_again']} drawn again"
    if summary.get("cost") is not None:
        line += f", for {summary['cost']:.2f} US dollars"
    return line


def print_sweep(sweep: Mapping[str, Any], out: Path) -> None:
    """Prints what became of each run of a sweep, then, metric by metric, its scores over the whole bench."""
    names = [axis["name"] for axis in sweep["axes"]]
    runs = [(", ".join(f"{name}={run['point'][name]}" for name in names), run) for run in sweep["runs"]]
    for point, run in runs:
        print(f"{point}: {run['counts']['ok']}/{run['counts']['planned']} ok")
    scores = [(point, s) for point, run in runs for s in run["scores"] if s["category"] is None]
    table = new_table("metric", "setting", "value", "95% interval", "n")
    for metric in dict.fromkeys(score["metric"] for _, score in scores):
        for place, (point, score) in enumerate((p, s) for p, s in scores if s["metric"] == metric):
            interval = f"{_number(score['low'])} to {_number(score['high'])}"
            table.add_row("" if place else metric, point, _number(score["value"]), interval, str(score["n"]))
    if scores:
        show_table(table)
    for identity in dict.fromkeys(score["identity"] for _, score in scores):
        print(identity)
    print(f"runs: {out}, table: {out / sweep['name']}.json")


def new_table(*names: str) -> Table:
    """An empty table; columns of names stand left, those of numbers right."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in names:
        table.add_column(name, justify="left" if name in ("metric", "category", "curve") else "right")
    return table


def show_table(table: Table) -> None:
    """Prints a table as wide as the terminal, or as `PLAIN_WIDTH` where there is none."""
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH, markup=False).print(table)


def _print_scores(scores: Sequence[Mapping[str, Any]]) -> None:
    table = new_table("metric", "category", "value", "95% interval", "n")
    for score in scores:
        table.add_row(
            f"{score['metric']} {'↑' if score['direction'] == 'higher' else '↓'}",
            "all" if score["category"] is None else score["category"] or "no category",
            _number(score["value"]),
            f"{_number(score['low'])} to {_number(score['high'])}",
            str(score["n"]),
        )
    show_table(table)
    for identity in dict.fromkeys(score["identity"] for score in scores):
        print(identity)


def _number(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return "n/a"
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:.1f}"
