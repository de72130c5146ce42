"""`drawbench report RUN...`: what runs came to, for people; `--index`: a page over a folder of runs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drawbench.errors import InputError
from harness.exits import FINE, NOT_COMPARABLE, command_line, complain
from harness.flags import Device, DeviceFlag, MetricsFlag, ReferenceFlag, WeightsFlag

if TYPE_CHECKING:
    from harness.report.pareto import ParetoFigure
    from harness.report.ratings import Ratings

DEFAULT_PAGE = Path("report.html")


class Format(StrEnum):
    """What a report can be written as."""

    HTML = "html"
    MARKDOWN = "markdown"
    LATEX = "latex"


def report(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="RUN...", help="Run folders; others are set against the first."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The file to write. Default: of one run, its report.html and grid.png; of several, "
            "report.html here; Markdown and LaTeX go to stdout."
        ),
    ] = None,
    format_: Annotated[
        Format, typer.Option("--format", help="A page, a comment for a pull request, or a table for a paper.")
    ] = Format.HTML,
    ratings: Annotated[
        Path | None,
        typer.Option(help="Human ratings: analysis.json of `drawbench study analyse`, or its folder."),
    ] = None,
    pareto: Annotated[
        Path | None, typer.Option(help="A JSON file of `drawbench pareto`, with its figure beside it.")
    ] = None,
    index: Annotated[
        Path | None,
        typer.Option(metavar="RESULTS", help="Write RESULTS/index.html over all runs in that folder."),
    ] = None,
    metrics: MetricsFlag = None,
    reference: ReferenceFlag = None,
    weights: WeightsFlag = None,
    device: DeviceFlag = Device.AUTO,
) -> int:
    """Writes a report on one or several runs of a bench, or an index of all runs in a folder."""
    if index is not None:
        if runs or ratings or pareto or format_ is not Format.HTML:
            raise InputError("--index goes with --out alone")
        from harness.progress import make_progress
        from harness.results_index import write_index

        print(write_index(index, out, make_progress()))
        return FINE
    if not runs:
        raise InputError("name at least one run folder, or give --index RESULTS")

    from harness.atomic import write_atomic, writing_to
    from harness.comparable import NotComparable
    from harness.options import ScoreOptions, split_names
    from harness.progress import make_progress
    from harness.report.findings import find
    from harness.run_view import RunView

    if out is not None and not out.parent.is_dir():
        raise InputError(f"--out {out}: there is no folder {out.parent}")
    if out is not None and out.is_dir():
        raise InputError(f"--out {out} is a folder; name the file to write")
    if format_ is not Format.HTML and (ratings or pareto):
        raise InputError(f"--ratings and --pareto go with --format html, not {format_}")
    read_ratings, read_pareto = _extras(ratings, pareto)
    options = ScoreOptions(split_names(metrics), reference, weights, device=device.value)
    progress = make_progress()
    try:
        findings = find([RunView.load(run) for run in runs], options, progress)
    except NotComparable as error:
        complain(str(error))
        return NOT_COMPARABLE
    if format_ is Format.HTML:
        from harness.grid import write_grid
        from harness.report.page import write_page

        if out is None and len(runs) == 1:
            print(write_grid(runs[0], run=findings.lineup.runs[0]))
        target = out or (runs[0] / "report.html" if len(runs) == 1 else DEFAULT_PAGE)
        print(
            write_page(
                findings,
                target,
                command=command_line(),
                ratings=read_ratings,
                pareto=read_pareto,
                progress=progress,
            )
        )
        return FINE
    if format_ is Format.MARKDOWN:
        from harness.report.markdown import report_markdown

        text = report_markdown(findings, out.parent if out else Path())
    else:
        from harness.report.latex import report_latex

        text = report_latex(findings)
    if out is None:
        print(text, end="")
    else:
        with writing_to(out.parent):
            write_atomic(out, text.encode())
        print(out)
    return FINE


def _extras(ratings: Path | None, pareto: Path | None) -> tuple[Ratings | None, ParetoFigure | None]:
    from harness.report.pareto import read_pareto
    from harness.report.ratings import read_ratings

    return read_ratings(ratings) if ratings else None, read_pareto(pareto) if pareto else None
