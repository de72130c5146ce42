"""The verdict as Markdown: a comment for a pull request, and a step's summary. Never longer than they may be.

A platform drops a summary that is too long as a whole, so what does not fit is left out row by row, with the
number of rows that are not shown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from harness.regression.verdict import RowVerdict, Verdict
from harness.regression.wording import (
    basis,
    by_weight,
    counted,
    cut,
    interval,
    number,
    rounded,
    sentence,
)
from harness.regression.worst import WorstPrompt
from harness.rounding import p_text

COMMENT_BYTES = 64 * 1024
SUMMARY_BYTES = 1024 * 1024
_TEXT = 400
_MARKED = re.compile(r"([\\`*_\[\]<>#!|~$]|:(?=//)|(?<=www)\.)")
_TITLES = {
    "improved": "✅ Improved",
    "pass": "✅ Pass",
    "inconclusive": "⚠️ Inconclusive",
    "regression": "❌ Regression",
    "not comparable": "🚫 Not comparable",
}


def comment_markdown(verdict: Verdict, url: str = "") -> str:
    """At most 64 KB: the verdict, the rows that matter, and the worst prompts. `url`: see `_picture`."""
    rows = [row for row in by_weight(verdict) if row.decides or row.outcome in ("regression", "improved")]
    return _page(verdict, rows, url, COMMENT_BYTES)


def summary_markdown(verdict: Verdict, url: str = "") -> str:
    """At most 1 MiB: the same with every row."""
    return _page(verdict, by_weight(verdict), url, SUMMARY_BYTES)


def escaped(text: str, most: int = _TEXT) -> str:
    """Text as text: on one line, cut, without effect as Markdown or HTML, and without mentioning anybody."""
    line = "".join(sign if sign.isprintable() else "\ufffd" for sign in cut(text, most))
    return _MARKED.sub(r"\\\1", line).replace("&", "&amp;").replace("@", "@\u200b")


def _page(verdict: Verdict, rows: Sequence[RowVerdict], url: str, most: int) -> str:
    head = [f"## {_TITLES[verdict.outcome]}", "", escaped(sentence(verdict), 1000), ""]
    for side, run in (("baseline", verdict.baseline), ("candidate", verdict.candidate)):
        commit = f", commit `{run.commit[:12]}`" if re.fullmatch(r"[0-9a-f]+(-dirty)?", run.commit) else ""
        head.append(f"- {side}: {escaped(run.name)}{commit}")
    if verdict.field:
        head.append(f"- field: **{escaped(verdict.field)}**")
    if verdict.counts:
        head.append(f"- {escaped(counted(verdict))}")
    head += [
        f"- {escaped(field)}: {escaped(a, 80)} → {escaped(b, 80)}" for field, a, b in verdict.differing[:10]
    ]
    worst = [line for entry in verdict.worst for line in _worst(entry, url)]
    if worst:
        worst = ["", "### Prompts that lost most", *worst]
    tail = ["", f"<sub>{escaped(basis(verdict), 2000)}</sub>"] if verdict.rows else []
    remarks = [*verdict.notices, *verdict.notes, *(f"not compared: {m}: {why}" for m, why in verdict.skipped)]
    for number_, remark in enumerate(remarks):
        if number_ == 20:
            tail.append(f"<sub>and {len(remarks) - 20} more remarks in verdict.json</sub>")
            break
        tail += ["", f"<sub>{escaped(remark)}</sub>"]
    fixed = _length([*head, *worst, *tail])
    return "\n".join([*head, *_table(rows, most - fixed - 400, len(verdict.rows)), *worst, *tail]) + "\n"


def _table(rows: Sequence[RowVerdict], room: int, of: int) -> list[str]:
    """The table's lines, as many rows as fit into `room` bytes, and a line about those that are left out."""
    if not rows:
        return []
    lines = [
        "",
        "| verdict | metric | prompts | baseline | candidate | gain | 95% interval | margin | p | pairs |",
        "|---|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    shown = 0
    for row in rows:
        one = row.evidence
        cells = (
            f"**{row.outcome}**" if row.outcome == "regression" else row.outcome,
            escaped(one.metric, 80) + (" ↑" if one.direction == "higher" else " ↓"),
            "all" if one.category is None else escaped(one.category, 80) or "no category",
            number(one.a),
            number(one.b),
            rounded(one.gain, one, "+"),
            interval(one),
            number(one.margin),
            p_text(row.p_worse),
            str(one.pairs),
        )
        line = f"| {' | '.join(cells)} |"
        if _length([*lines, line]) > room:
            break
        lines.append(line)
        shown += 1
    if shown < of:
        lines += ["", f"{of - shown} of {of} rows are not shown here; all are in verdict.json."]
    return lines


def _worst(entry: WorstPrompt, url: str) -> list[str]:
    lines = ["", f"**{escaped(entry.prompt_id, 80)}/{entry.index}**: {escaped(entry.text)}"]
    if entry.failed:
        lines += ["", f"no picture: {escaped(entry.failed)}"]
    for change in entry.changes[:4]:
        why = f": {escaped(change.reason_b, 200)}" if change.reason_b else ""
        lines.append(f"- {escaped(change.metric, 80)} {number(change.a)} → {number(change.b)}{why}")
    if entry.pictures:
        sides = list(entry.pictures)
        lines += ["", f"| {' | '.join(sides)} |", f"|{'---|' * len(sides)}"]
        lines.append(f"| {' | '.join(_picture(side, entry, url) for side in sides)} |")
    return lines


def _picture(side: str, entry: WorstPrompt, url: str) -> str:
    """The picture, by the address of the folder that it will be served from, or else as a relative path."""
    path = quote(entry.pictures[side])
    if url:
        path = f"{quote(url.rstrip('/'), safe=':/?&=%~')}/{path}"
    return f"![{side} of {escaped(entry.prompt_id, 80)}]({path})"


def _length(lines: Sequence[str]) -> int:
    return len("\n".join(lines).encode("utf-8", "replace"))
