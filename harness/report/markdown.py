"""A report as Markdown: a comment for a pull request, within the size that such a comment may have.

Prompts, names and reasons are escaped, so that none of them becomes a link, a mention, an image or markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.report.cards import link_to
from harness.report.changes import Change
from harness.report.findings import Changed, Findings
from harness.report.forest import interval_text, sentence
from harness.report.leaderboard import Board
from harness.report.lineup import SAME_BENCH
from harness.report.numbers import format_change, format_number, format_p
from harness.report.paired import Pair, verdict
from harness.types import Score

MAX_BYTES = 64_000
"""Below the 65,536 characters of a comment."""
LONGEST = 300
FAILURES_SHOWN = 10
SIGNS = {"better": "▲ better", "worse": "▼ worse", "tied": "= tied"}
_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#!|~$@&])")


def report_markdown(findings: Findings, folder: Path, *, max_bytes: int = MAX_BYTES) -> str:
    """The report as Markdown of at most `max_bytes` bytes, for a file in `folder`, from which links lead.

    What does not fit is left out from the end and named in the last line.
    """
    parts = list(_parts(findings, folder))
    kept, left_out, size = [], [], 0
    room = max_bytes - 600
    for name, lines in parts:
        text = "\n".join(lines) + "\n\n"
        cost = len(text.encode("utf-8", "replace"))
        if size + cost <= room:
            kept.append(text)
            size += cost
        else:
            left_out.append(name)
    if left_out:
        kept.append(f"Left out, as a comment has little room: {', '.join(left_out)}.\n")
    return "".join(kept).rstrip("\n") + "\n"


def escaped(text: str, longest: int = LONGEST) -> str:
    """Text as one line of Markdown that shows it letter by letter, cut after `longest` characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(line) > longest:
        line = line[: longest - 1].rstrip() + "…"
    line = _SPECIAL.sub(r"\\\1", line)
    # Zero-width spaces keep names and numbers from becoming mentions, addresses from becoming links, and
    # words between colons from becoming emoji: none of these needs markup.
    line = re.sub(r"(?<=\\[@#])(?=\w)", "\u200b", line)
    line = re.sub(r"(?<=:)(?=[\w+\\-]+:)", "\u200b", line)
    return re.sub(r"(?i)\b(https?|ftp|mailto|www)(?=[:.])", "\\1\u200b", line)


def code(text: str) -> str:
    """Text as a code span, whatever backticks it has; for identities and hashes."""
    line = " ".join(text.split()).replace("|", "\\|")
    longest = max((len(run) for run in re.findall(r"`+", line)), default=0)
    fence = "`" * (longest + 1)
    room = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{room}{line}{room}{fence}"


def _parts(findings: Findings, folder: Path) -> Iterator[tuple[str, list[str]]]:
    lineup = findings.lineup
    alone = len(lineup) == 1
    bench = escaped(lineup.bench_name)
    title = escaped(lineup.entries[0].name) if alone else f"{len(lineup)} runs"
    yield "title", [f"## {title} on {bench}"]
    for notice in lineup.notices:
        yield "a notice", [f"> **{escaped(notice)}**"]
    yield "the runs", list(_runs(findings))
    for pair in findings.with_first:
        text = f"Not compared with {pair.a.letter}: {pair.reason}" if pair.reason else sentence(pair)
        yield "a sentence", [escaped(text)]
    if findings.boards:
        yield "the scores", list(_scores(findings.boards, alone, findings.with_first))
    if findings.changed and (findings.changed.worse or findings.changed.better):
        yield "the greatest changes", list(_changed(findings.changed, folder))
    failures = list(_failures(findings))
    if failures:
        yield "the failures", failures
    for pair in findings.with_first:
        if pair.by_category:
            yield f"categories of {pair.b.letter}", list(_categories(pair))
    if alone and findings.tables:
        yield "the categories", list(_alone_categories(findings))
    yield "the identities", list(_identities(findings))


def _runs(findings: Findings) -> Iterator[str]:
    for entry in findings.lineup.entries:
        counts = entry.run.counts
        facts = [f"{counts['ok']:,} of {counts['planned']:,} pictures"]
        facts += [
            f"{n} {status.replace('_', ' ')}"
            for status, n in counts.items()
            if status not in ("ok", "planned") and n
        ]
        facts += [
            f"seed {entry.run.manifest.get('run_seed')}",
            f"run {code(str(entry.run.manifest['run_hash'])[:8])}",
        ]
        yield f"- **{entry.letter}** {escaped(entry.name)}: {', '.join(facts)}"


def _scores(boards: Sequence[Board], alone: bool, pairs: Sequence[Pair]) -> Iterator[str]:
    if alone:
        yield "| Metric | Value | 95% interval | n |"
        yield "|:--|--:|--:|--:|"
        for board in boards:
            score = board.standings[0].score
            interval = f"{format_number(score.low)} to {format_number(score.high)}"
            yield f"| {_metric(board)} | {format_number(score.value)} | {interval} | {score.n:,} |"
        return
    letters = sorted({s.entry.letter for board in boards for s in board.standings})
    two = len(pairs) == 1 and not pairs[0].reason
    head = ["Metric", *letters, *(("B − A", "p", "B is") if two else ("may be best",))]
    yield f"| {' | '.join(head)} |"
    yield "|:--|" + "--:|" * (len(head) - 2) + ":--|"
    rows = {row.metric: row for row in pairs[0].overall} if two else {}
    for board in boards:
        by_letter = {s.entry.letter: s.score for s in board.standings}
        cells = [_metric(board), *(_cell(by_letter.get(letter)) for letter in letters)]
        if two:
            row = rows.get(board.metric)
            if row is None:
                cells += ["", "", "not compared"]
            else:
                change = format_change(row.difference, row.low, row.high)
                cells += [f"{change} [{interval_text(row)}]", format_p(row.p_holm), SIGNS[verdict(row)]]
        else:
            cells.append(", ".join(board.leaders))
        yield f"| {' | '.join(cells)} |"
    yield ""
    yield "95% intervals in brackets; p is paired, two-sided and Holm's over all runs and metrics here."


def _cell(score: Score | None) -> str:
    if score is None:
        return "not scored"
    return f"{format_number(score.value)} [{format_number(score.low)}, {format_number(score.high)}]"


def _metric(board: Board) -> str:
    return f"{escaped(board.metric)} {'↑' if board.direction == 'higher' else '↓'}"


def _changed(changed: Changed, folder: Path) -> Iterator[str]:
    a, b = changed.pair.a, changed.pair.b
    for title, listed in (("Worst regressions", changed.worse), ("Greatest gains", changed.better)):
        if not listed:
            continue
        metric, prompts = escaped(changed.metric), f"{changed.compared:,} prompts"
        yield f"**{title}** from {a.letter} to {b.letter} in {metric}, of {prompts}"
        yield ""
        for number, change in enumerate(listed, start=1):
            yield f"{number}. {_change(change, changed, folder)}"
        yield ""


def _change(change: Change, changed: Changed, folder: Path) -> str:
    values = f"{format_number(change.a)} → {format_number(change.b)}"
    why = f": {escaped(change.reason)}" if change.reason else ""
    pictures = [
        f"[{entry.letter}](<{link_to(entry.run.folder, folder)}{path}>)"
        for entry, path in ((changed.pair.a, change.picture_a), (changed.pair.b, change.picture_b))
        if path is not None and not set(path) & set("<>\n")
    ]
    return f"{values} “{escaped(change.text)}” ({escaped(change.prompt_id)}; {', '.join(pictures)}){why}"


def _failures(findings: Findings) -> Iterator[str]:
    found = [(e.letter, sample) for e in findings.lineup.entries for sample in e.run.failures]
    if not found:
        return
    yield f"<details><summary>{len(found):,} samples without a picture</summary>"
    yield ""
    for letter, sample in found[:FAILURES_SHOWN]:
        status = sample.status.replace("_", " ")
        reason = escaped(sample.reason or "no reason given")
        yield f"- {letter} {status} {code(f'{sample.prompt_id}/{sample.index}')}: {reason}"
    if len(found) > FAILURES_SHOWN:
        yield f"- and {len(found) - FAILURES_SHOWN:,} more"
    yield ""
    yield "</details>"


def _categories(pair: Pair) -> Iterator[str]:
    yield f"<details><summary>{pair.b.letter} minus {pair.a.letter} by category</summary>"
    yield ""
    yield "| Metric | Category | A | B | B − A | p | pairs |".replace("A", pair.a.letter).replace(
        "B", pair.b.letter
    )
    yield "|:--|:--|--:|--:|--:|--:|--:|"
    for row in pair.by_category:
        change = f"{format_change(row.difference, row.low, row.high)} [{interval_text(row)}]"
        yield (
            f"| {escaped(row.metric)} | {escaped(row.category or 'No category')} | {format_number(row.a)} | "
            f"{format_number(row.b)} | {change} | {format_p(row.p_holm)} | {row.pairs:,} |"
        )
    yield ""
    yield "p is Holm's over all categories and metrics."
    yield ""
    yield "</details>"


def _alone_categories(findings: Findings) -> Iterator[str]:
    yield "<details><summary>By category</summary>"
    yield ""
    yield "| Metric | Category | Value | 95% interval | n |"
    yield "|:--|:--|--:|--:|--:|"
    for table in findings.tables:
        for row in table.rows[:-1]:
            score = row.scores[0][1]
            interval = f"{format_number(score.low)} to {format_number(score.high)}"
            cells = (
                escaped(table.metric),
                escaped(row.name),
                format_number(score.value),
                interval,
                f"{score.n:,}",
            )
            yield f"| {' | '.join(cells)} |"
    yield ""
    yield "</details>"


def _identities(findings: Findings) -> Iterator[str]:
    yield "<details><summary>What the numbers are</summary>"
    yield ""
    bench = findings.lineup.entries[0].run.manifest["bench"]
    name, version, digest = (code(str(bench[field])[:64]) for field in SAME_BENCH)
    yield f"- bench {name} version {version}, digest {digest}"
    for entry in findings.lineup.entries:
        manifest = entry.run.manifest
        identity = manifest["model"]["identity"]
        model = code(str(identity.get("name", "") if isinstance(identity, dict) else identity))
        commit = code(str(manifest.get("git_commit") or "unknown")[:12])
        yield f"- {entry.letter}: model {model}, commit {commit}"
    for board in findings.boards:
        methods = list(dict.fromkeys(s.score.method for s in board.standings))
        yield f"- {code(board.identity)}: {escaped('; '.join(methods))}"
    yield ""
    yield "</details>"
