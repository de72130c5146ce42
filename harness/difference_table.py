"""A comparison of two runs for people, on stdout."""

from __future__ import annotations

import math
import sys

from harness.difference import Comparison, Pairing
from harness.results_table import PLAIN_WIDTH
from harness.rounding import p_text, rounded


def print_comparison(result: Comparison) -> None:
    """Prints what was compared, how many pairs there are, every difference, and what must be said with it."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    print(f"A  {result.a}\nB  {result.b}")
    for field, a, b in result.differing:
        print(f"{field}: {a} in A, {b} in B")
    print(pairs_line(result.pairing))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("metric", "category", "A", "B", "B - A", "95% interval", "p", "Holm", "detectable", "pairs"):
        table.add_column(name, justify="left" if name in ("metric", "category") else "right")
    for row in result.rows:
        table.add_row(
            f"{row.metric} {'↑' if row.direction == 'higher' else '↓'}",
            "all" if row.category is None else row.category or "no category",
            _number(row.a),
            _number(row.b),
            rounded(row.difference, row.low, row.high, "+"),
            f"{rounded(row.low, row.low, row.high, '+')} to {rounded(row.high, row.low, row.high, '+')}",
            p_text(row.p),
            p_text(row.p_holm),
            rounded(row.detectable, row.low, row.high),
            str(row.pairs),
        )
    Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH, markup=False).print(table)
    for identity in dict.fromkeys(result.identities[row.metric] for row in result.rows):
        print(identity)
    for method in dict.fromkeys(row.method for row in result.rows if row.category is None):
        print(method)
    tests = sum(math.isfinite(row.p) for row in result.rows)
    print(
        f"p is two-sided, Holm's over these {tests} tests; detectable is the true difference that such a "
        f"comparison finds 4 times in 5"
    )
    for metric, reason in result.skipped:
        print(f"not compared: {metric}: {reason}")
    for note in result.notes:
        print(f"note: {note}")


def pairs_line(pairing: Pairing) -> str:
    """ "200 planned in both runs = 199 pairs + 1 without a picture in A": the parts always add up."""
    parts = [f"{len(pairing.places)} pairs"]
    for count, where in (
        (pairing.without_a, "without a picture in A"),
        (pairing.without_b, "without a picture in B"),
        (pairing.without_both, "without a picture in both"),
    ):
        if count:
            parts.append(f"{count} {where}")
    planned = len(pairing.places) + pairing.without_a + pairing.without_b + pairing.without_both
    line = f"{planned} planned in both runs = {' + '.join(parts)}"
    for count, run in ((pairing.only_a, "A"), (pairing.only_b, "B")):
        if count:
            line += f"; {count} planned in {run} alone"
    return line


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "n/a"
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:.1f}"
