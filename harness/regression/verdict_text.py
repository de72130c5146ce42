"""The verdict for people at a terminal."""

from __future__ import annotations

import io
import sys

from harness.regression.verdict import Verdict
from harness.regression.wording import basis, counted, interval, number, rounded, sentence
from harness.rounding import p_text

WIDTH = 150
_MOST_CHANGES = 4


def verdict_text(verdict: Verdict, width: int | None = WIDTH) -> str:
    """The verdict, the runs, every row, the worst prompts and all remarks, as plain text.

    `width` is that of the table, None that of the terminal.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    lines = [sentence(verdict), ""]
    lines += [f"baseline   {verdict.baseline.name}", f"candidate  {verdict.candidate.name}"]
    lines += [f"{field}: {a} -> {b}" for field, a, b in verdict.differing]
    if verdict.field:
        lines.append(f"field: {verdict.field}")
    if verdict.counts:
        lines.append(counted(verdict))
    if verdict.rows:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        left = ("verdict", "metric", "category")
        for name in (
            *left,
            "baseline",
            "candidate",
            "gain",
            "95% interval",
            "margin",
            "p worse",
            "found",
            "pairs",
        ):
            table.add_column(name, justify="left" if name in left else "right", no_wrap=True)
        for row in verdict.rows:
            one = row.evidence
            table.add_row(
                row.outcome,
                f"{one.metric} {'↑' if one.direction == 'higher' else '↓'}",
                "all" if one.category is None else one.category or "no category",
                number(one.a),
                number(one.b),
                rounded(one.gain, one, "+"),
                interval(one),
                number(one.margin),
                p_text(row.p_worse),
                number(row.detectable_95),
                str(one.pairs),
            )
        buffer = io.StringIO()
        Console(file=buffer, width=width, markup=False, highlight=False).print(table)
        lines += [line.rstrip() for line in buffer.getvalue().splitlines()]
        lines += [basis(verdict)]
        lines += [
            "p worse is one-sided and Holm's; found: the true loss that is a regression 95 times in 100"
        ]
    if verdict.worst:
        lines += ["", "prompts that lost most:"]
        for worst in verdict.worst:
            lines.append(f"  {worst.prompt_id}/{worst.index}  {' '.join(worst.text.split())}")
            if worst.failed:
                lines.append(f"      no picture: {worst.failed}")
            for change in worst.changes[:_MOST_CHANGES]:
                why = f"  ({change.reason_b})" if change.reason_b else ""
                lines.append(f"      {change.metric}: {number(change.a)} -> {number(change.b)}{why}")
            lines += [f"      {side}: {path}" for side, path in worst.pictures.items()]
    lines += [f"not compared: {metric}: {reason}" for metric, reason in verdict.skipped]
    lines += [f"note: {note}" for note in (*verdict.notices, *verdict.notes)]
    return "\n".join(lines)


def print_verdict(verdict: Verdict) -> None:
    """Prints the verdict on stdout."""
    print(verdict_text(verdict, None if sys.stdout.isatty() else WIDTH))
