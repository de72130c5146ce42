"""Scores of runs as a table for a paper: LaTeX with booktabs and intervals; bold is what may be the best."""

from __future__ import annotations

import math
from collections.abc import Iterator

from harness.report.findings import Findings
from harness.report.leaderboard import Board
from harness.report.numbers import format_number
from harness.types import Score

COLUMNS = 4
"""Metrics side by side; more become further tables, so that each fits a page's width."""

_ARROWS = {"higher": r"$\uparrow$", "lower": r"$\downarrow$"}
_LETTERS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "−": r"$-$",
    "…": r"\ldots{}",
    "→": r"$\rightarrow$",
}


def report_latex(findings: Findings) -> str:
    """One table environment for each four metrics; needs the packages booktabs and fontenc with T1.

    A row is a run, a cell its value over its 95% interval. Bold are a metric's best run and all that are
    statistically tied with it.
    """
    lines = [
        "% \\usepackage{booktabs}",
        "% \\usepackage[T1]{fontenc}",
        *(f"% {board.identity}" for board in findings.boards),
    ]
    boards = list(findings.boards)
    if not boards:
        return "% no run has scores\n"
    for number, start in enumerate(range(0, len(boards), COLUMNS)):
        lines += _table(findings, boards[start : start + COLUMNS], number)
    return "\n".join(_comment_safe(line) for line in lines) + "\n"


def escape_latex(text: str) -> str:
    """Text that LaTeX prints letter by letter; line ends and control characters become spaces."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return "".join(_LETTERS.get(c, c) for c in line)


def _table(findings: Findings, boards: list[Board], number: int) -> Iterator[str]:
    lineup = findings.lineup
    yield r"\begin{table}"
    yield r"  \centering"
    yield rf"  \caption{{{_caption(findings)}}}"
    yield rf"  \label{{tab:{_label(lineup.bench_name)}{f'-{number + 1}' if number else ''}}}"
    yield rf"  \begin{{tabular}}{{l{'c' * len(boards)}}}"
    yield r"    \toprule"
    heads = [f"{escape_latex(board.metric)} {_ARROWS[board.direction]}" for board in boards]
    yield f"    {' & '.join(['', *heads])} \\\\"
    yield r"    \midrule"
    for entry in lineup.entries:
        values, intervals = [], []
        for board in boards:
            found = next((s for s in board.standings if s.entry is entry), None)
            if found is None:
                values.append("--")
                intervals.append("")
                continue
            value = escape_latex(format_number(found.score.value))
            leads = (
                len(lineup) > 1 and found.first == 1 and (not found.untested or found is board.standings[0])
            )
            values.append(rf"\textbf{{{value}}}" if leads else value)
            intervals.append(_interval(found.score))
        yield f"    {escape_latex(entry.name)} & {' & '.join(values)} \\\\"
        yield f"     & {' & '.join(intervals)} \\\\"
    yield r"    \bottomrule"
    yield r"  \end{tabular}"
    yield r"\end{table}"


def _interval(score: Score) -> str:
    if not (math.isfinite(score.low) and math.isfinite(score.high)):
        return ""
    low, high = (escape_latex(format_number(end)) for end in (score.low, score.high))
    return rf"{{\footnotesize [{low}, {high}]}}"


def _caption(findings: Findings) -> str:
    lineup = findings.lineup
    counts = sorted({entry.run.counts["ok"] for entry in lineup.entries})
    pictures = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    text = f"Scores on {escape_latex(lineup.bench_name)}, {pictures} pictures a run, with 95\\% intervals."
    if len(lineup) > 1:
        text += " Bold: the best, and all that are statistically tied with it (paired tests, Holm)."
        if any(standing.untested for board in findings.boards for standing in board.standings):
            text += " Runs that could not be paired are not tested."
    for notice in lineup.notices:
        text += f" {escape_latex(notice)}"
    return text


def _label(name: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c == "-") else "-" for c in name)


def _comment_safe(line: str) -> str:
    return " ".join(line.splitlines()) if line.startswith("%") else line
