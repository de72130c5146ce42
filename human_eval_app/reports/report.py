"""The output of `drawbench study analyse`: analysis.json, tables, figures and one page."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from drawbench.errors import InputError
from harness.atomic import write_atomic, writing_to
from harness.plots import axis_svg, interval_svg, make_axis
from harness.progress import NoProgress, Progress
from human_eval_app.analysis.estimates import Row
from human_eval_app.analysis.study_analysis import Analysis, analyse
from human_eval_app.reports.figure_style import png_of, svg_of
from human_eval_app.reports.methods import KIND_WORDS, methods
from human_eval_app.reports.plots import figures
from human_eval_app.reports.tables import (
    Table,
    estimate_text,
    number_text,
    p_text,
    paper_tables,
    whole_tables,
)
from human_eval_app.studies.design import StudyDesign

if TYPE_CHECKING:
    import pandas as pd

FIGURE_WORDS = {
    "shares": "Shares of the answers; below a bar its first share's 95% interval, above its last's.",
    "forest": "The primary estimate with its 95% interval; diamonds: overall; dashed: no preference.",
    "agreement": "Krippendorff's alpha with its 95% interval; 0 is what shuffled answers give, 1 perfect.",
    "controls": "Control trials right, of each rater, with Wilson's 95% interval.",
    "ranking": "Strengths of the models with their 95% intervals.",
    "metrics": "Raters' mean of each prompt against automatic metrics; ρ is Spearman's.",
}


@dataclass(frozen=True)
class Card:
    """A primary estimate on top of the page."""

    title: str
    value: str
    interval: str
    p: str
    row: Row


@dataclass(frozen=True)
class PlottedTable:
    """A table for a paper with its estimates drawn beside it; `lines` are (cells, SVG)."""

    table: Table
    axis: str
    lines: tuple[tuple[tuple[str, ...], str], ...]


def write_analysis(
    frame: pd.DataFrame,
    design: StudyDesign,
    out: Path,
    *,
    runs: Sequence[Path] = (),
    seed: int = 0,
    resamples: int = 2000,
    rater_gate: float | None = None,
    progress: Progress | None = None,
) -> Analysis:
    """Analyses the ratings of a study and writes everything to the folder `out`, which is made.

    `frame` is the table of `RatingStore.ratings` or of an export. `runs` are run folders that the study was
    made from, whose scores are compared with the ratings. `rater_gate` is the least share of control trials
    right for a rater to count; None is the design's. Equal ratings, design, runs and seed give equal files.
    Raises InputError where no rating counts, an argument is out of range, or `out` cannot be written.
    """
    shower = progress if progress is not None else NoProgress()
    analysis = analyse(
        frame,
        design,
        runs=runs,
        seed=seed,
        resamples=resamples,
        rater_gate=rater_gate,
        progress=shower,
    )
    drawings = figures(analysis)
    files: dict[str, bytes] = {"analysis.json": analysis.to_json().encode()}
    with shower.stage("drawing", len(drawings) + 1) as advance:
        for name, figure in drawings.items():
            files[f"figures/{name}.png"] = png_of(figure)
            files[f"figures/{name}.svg"] = svg_of(figure)
            advance(1)
        for table in paper_tables(analysis):
            files[f"tables/{table.name}.md"] = table.markdown().encode()
            files[f"tables/{table.name}.tex"] = table.latex().encode()
        for name, text in whole_tables(analysis).items():
            files[f"tables/{name}"] = text.encode()
        pictures = {name: files[f"figures/{name}.svg"] for name in drawings}
        files["report.html"] = render_report(analysis, design, pictures).encode("utf-8", errors="replace")
        advance(1)
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; give --out a folder")
    with writing_to(out):
        for name, data in files.items():
            path = out / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, data)
    return analysis


def render_report(analysis: Analysis, design: StudyDesign, pictures: dict[str, bytes]) -> str:
    """The page as text, figures inside it. Whatever comes from prompts and models is escaped."""
    from markupsafe import Markup

    from harness.page_templates import page_environment

    environment = page_environment("human_eval_app.reports")
    environment.filters["number"] = number_text
    environment.filters["p"] = p_text
    environment.filters["share"] = lambda value: "" if math.isnan(value) else f"{100 * value:.0f}%"
    environment.tests["known"] = lambda value: not math.isnan(value)
    shown = [
        (
            name,
            "data:image/svg+xml;base64," + base64.b64encode(data).decode("ascii"),
            FIGURE_WORDS[name.split("-")[0]],
        )
        for name, data in pictures.items()
    ]
    return environment.get_template("study_report.html.jinja").render(
        analysis=analysis,
        design=design,
        style=Markup(_style()),
        kind_words=KIND_WORDS[design.kind],
        cards=[_card(row, analysis) for row in analysis.primary_rows()],
        tables=[_plotted(table) for table in paper_tables(analysis)],
        figures=shown,
        methods=list(methods(analysis, design)),
        not_counted=[(w, n) for w, n in analysis.counts.items() if w not in ("all", "used")],
    )


def _card(row: Row, analysis: Analysis) -> Card:
    decision = next(
        d
        for d in analysis.decisions
        if (d.question, d.model_a, d.model_b, d.scope) == (row.question, row.model_a, row.model_b, "macro")
    )
    return Card(
        title=f"{row.question}: {row.model_a} against {row.model_b}",
        value=number_text(row.value),
        interval=f"{number_text(row.low)} to {number_text(row.high)}",
        p=f"{p_text(row.p)} ({p_text(decision.holm_p)} after Holm over {decision.family})",
        row=row,
    )


def _plotted(table: Table) -> PlottedTable:
    null = table.rows[0].null
    axis = make_axis([null, *(v for row in table.rows for v in (row.low, row.value, row.high))])
    lines = tuple(
        (
            cells,
            interval_svg(row.value, row.low, row.high, axis, overall=null, label=estimate_text(row)),
        )
        for cells, row in zip(table.lines, table.rows, strict=True)
    )
    return PlottedTable(table, axis_svg(axis), lines)


def _style() -> str:
    """The look of run reports, and what this page adds to it."""
    from harness.page_templates import template_part

    shared = [template_part("page.css"), template_part("report.css")]
    return "\n".join([*shared, template_part("study_report.css", "human_eval_app.reports")])
