"""The tables of an analysis: for papers (Markdown, LaTeX) and whole (CSV)."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from harness.report.latex import escape_latex
from human_eval_app.analysis.estimates import PAIR_QUANTITIES, Row
from human_eval_app.analysis.significance import Decision
from human_eval_app.analysis.study_analysis import Analysis
from human_eval_app.reports.file_names import pair_names

QUANTITY_WORDS = {
    "preference": "Preference, %",
    "net": "Net preference",
    "difference": "Difference",
}
LEGEND = "n: prompts; brackets: 95% intervals; detectable: the difference found with 80% power."
MACRO, POOLED, ALONE = "Mean of categories", "All ratings", "All prompts"


@dataclass(frozen=True)
class Table:
    """A table ready to be written. `rule` is the place of its first overall line."""

    name: str
    caption: str
    head: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    rule: int
    rows: tuple[Row, ...] = ()

    def markdown(self) -> str:
        """A Markdown table under its caption."""
        lines = [f"**{self.caption}**", "", _bar(self.head), _bar(["---", *["---:"] * (len(self.head) - 1)])]
        return "\n".join([*lines, *(_bar(line) for line in self.lines)]) + "\n"

    def latex(self) -> str:
        """A table environment; needs the packages booktabs and fontenc with T1."""
        lines = [
            "% \\usepackage{booktabs}",
            "% \\usepackage[T1]{fontenc}",
            r"\begin{table}",
            r"  \centering",
            rf"  \caption{{{escape_latex(self.caption)}}}",
            rf"  \label{{tab:{self.name}}}",
            rf"  \begin{{tabular}}{{l{'r' * (len(self.head) - 1)}}}",
            r"    \toprule",
            f"    {' & '.join(map(escape_latex, self.head))} \\\\",
            r"    \midrule",
        ]
        for number, line in enumerate(self.lines):
            if number == self.rule and number:
                lines.append(r"    \midrule")
            lines.append(f"    {' & '.join(map(escape_latex, line))} \\\\")
        return "\n".join([*lines, r"    \bottomrule", r"  \end{tabular}", r"\end{table}"]) + "\n"


def paper_tables(analysis: Analysis) -> list[Table]:
    """A table for each question and pair: shares or scores, the primary estimate, p, what could be seen."""
    tested = {(d.question, d.model_a, d.model_b, d.scope, d.category): d for d in analysis.decisions}
    by_key = {(r.question, r.model_a, r.model_b, r.scope, r.category, r.quantity): r for r in analysis.rows}
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in analysis.rows:
        if row.quantity == analysis.primary:
            groups.setdefault((row.question, row.model_a, row.model_b), []).append(row)
    made = []
    names = pair_names(analysis.rows)
    for (question, a, b), rows in groups.items():
        pair = analysis.kind != "alignment"
        shares = (a, "Indifferent", b) if pair else (f"{a} [95%]", f"{b} [95%]")
        head = (
            "Category", "n", *shares, f"{QUANTITY_WORDS[analysis.primary]} [95%]", "p", "p (Holm)",
            "Detectable",
        )  # fmt: skip
        lines = []
        for row in rows:
            place = (row.scope, row.category)
            if pair:
                found = [by_key[question, a, b, *place, q.name] for q in PAIR_QUANTITIES[:3]]
                cells = [f"{share.value:.1f}" for share in found]
            else:
                scores = [by_key.get((question, model, "", *place, "score")) for model in (a, b)]
                cells = ["" if score is None else estimate_text(score) for score in scores]
            decision = tested[question, a, b, *place]
            lines.append(
                (
                    row_name(row, rows), str(row.prompts), *cells, estimate_text(row), p_text(row.p),
                    _holm(decision), number_text(row.detectable),
                )
            )  # fmt: skip
        rule = next((n for n, row in enumerate(rows) if row.scope != "category"), 0)
        caption = f"{question}: {a} against {b}. {LEGEND}"
        name = f"results-{names[question, a, b]}"
        made.append(Table(name, caption, tuple(head), tuple(lines), rule, tuple(rows)))
    return made


def whole_tables(analysis: Analysis) -> dict[str, str]:
    """CSV text of everything, by file name."""
    sensitivity = [{"counted": v.counted, **asdict(v.row)} for v in analysis.sensitivity]
    ranked = [
        {"question": r.question, **asdict(s), "nu": r.nu, "method": r.method}
        for r in analysis.rankings
        for s in r.strengths
    ]
    points = [
        {
            "metric": p.metric,
            "question": p.part.question,
            "model_a": p.part.model_a,
            "model_b": p.part.model_b,
            "compared": p.compared,
            "prompt_id": prompt,
            "score": float(score),
            "rating": float(rating),
        }
        for p in analysis.paired
        for prompt, score, rating in zip(p.prompt_ids, p.scores, p.ratings, strict=True)
    ]
    parts: dict[str, Sequence[Mapping[str, Any]]] = {
        "estimates": [asdict(row) for row in analysis.rows],
        "tests": [asdict(decision) for decision in analysis.decisions],
        "agreement": [asdict(agreement) for agreement in analysis.agreement],
        "raters": [asdict(habit) for habit in analysis.raters],
        "sensitivity": sensitivity,
        "ranking": ranked,
        "metrics": [asdict(metric) for metric in analysis.metrics],
        "metric_points": points,
        "counts": [{"answers": words, "number": number} for words, number in analysis.counts.items()],
    }
    return {f"{name}.csv": _csv(rows) for name, rows in parts.items() if rows}


def row_name(row: Row, rows: Sequence[Row]) -> str:
    """What a line of a table is called."""
    if row.scope == "category":
        return row.category
    if row.scope == "pooled":
        return POOLED
    return MACRO if any(other.scope == "category" for other in rows) else ALONE


def estimate_text(row: Row) -> str:
    """ "12.3 [4.5, 20.1]", with a minus sign; without an interval the value alone."""
    value = number_text(row.value)
    if math.isnan(row.low):
        return value
    return f"{value} [{number_text(row.low)}, {number_text(row.high)}]"


def number_text(value: float, decimals: int = 1) -> str:
    """A number with a true minus sign; "n/a" for none."""
    if not math.isfinite(value):
        return "n/a"
    text = f"{value:.{decimals}f}"
    return text.replace("-", "−") if float(text) else text.replace("-", "")


def p_text(p: float) -> str:
    """A p value with two digits; "<0.001" below."""
    if math.isnan(p):
        return "n/a"
    return "<0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def _holm(decision: Decision) -> str:
    return "" if math.isnan(decision.holm_p) else p_text(decision.holm_p)


def _bar(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(_cells(rows))
    return buffer.getvalue()


def _cells(rows: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        yield {
            name: "" if isinstance(value, float) and math.isnan(value) else value
            for name, value in row.items()
        }
