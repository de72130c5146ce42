"""`drawbench study analyse`: a study's tables, figures and report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drawbench.errors import InputError
from harness.exits import FINE
from harness.flags import JsonFlag

if TYPE_CHECKING:
    import pandas as pd

    from human_eval_app.studies.design import StudyDesign


def analyse(
    study: Annotated[
        Path, typer.Argument(metavar="STUDY|EXPORT", help="A study folder, or one of `study export`.")
    ],
    out: Annotated[Path, typer.Option(help="The folder to write report, tables and figures to.")],
    runs: Annotated[
        list[Path] | None,
        typer.Option(
            "--run", help="A scored run of the study, to set its metrics beside the ratings; repeatable."
        ),
    ] = None,
    control_gate: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Keep raters with this share of controls right; default: the design's."
        ),
    ] = None,
    resamples: Annotated[int, typer.Option(min=200, help="Bootstrap resamples.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Decides the resamples.")] = 0,
    as_json: JsonFlag = False,
) -> int:
    """Analyses the ratings: rates with 95% intervals, tests, agreement; tables and figures for a paper."""
    from harness.progress import make_progress
    from human_eval_app.reports.report import write_analysis

    ratings, design, protocol = _read(study)
    analysis = write_analysis(
        ratings,
        design,
        out,
        runs=tuple(runs or ()),
        seed=seed,
        resamples=resamples,
        rater_gate=control_gate,
        progress=make_progress(),
    )
    if protocol:
        from harness.atomic import write_atomic
        from human_eval_app.reports.protocol import PROTOCOL_FILE

        write_atomic(out / PROTOCOL_FILE, protocol.encode())
    print(analysis.to_json() if as_json else f"{analysis.text()}\nreport: {out / 'report.html'}")
    return FINE


def _read(folder: Path) -> tuple[pd.DataFrame, StudyDesign, str]:
    """Ratings, design, and the filled-in template ("" from an export, which has its own)."""
    from human_eval_app.reports.protocol import protocol_markdown
    from human_eval_app.store.opening import opened
    from human_eval_app.studies.study import DESIGN_FILE

    if (folder / "export.json").is_file():
        from human_eval_app.exports.importing import read_ratings
        from human_eval_app.studies.design import StudyDesign

        try:
            text = (folder / DESIGN_FILE).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"the export in {folder} is not whole: {DESIGN_FILE} cannot be read: {error}"
            ) from None
        design = StudyDesign.from_json(text)
        return read_ratings(folder), design, ""
    with opened(folder) as (known, store):
        return (
            store.ratings(),
            known.design,
            protocol_markdown(known.design, store.progress(), store.raters()),
        )
