"""`drawbench export RUN --out FILE`: a run for other tools."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from harness.exits import FINE


class ExportFormat(StrEnum):
    """What is written."""

    DATASETS = "datasets"
    PARQUET = "parquet"


def export(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    out: Annotated[Path, typer.Option(help="The folder or file to write; must not be there yet.")],
    kind: Annotated[
        ExportFormat,
        typer.Option("--format", help="datasets: a folder for load_from_disk; parquet: one file."),
    ] = ExportFormat.DATASETS,
) -> int:
    """Writes a run's pictures, prompts and scores as one table that other tools read."""
    from harness.export import export_run
    from harness.progress import make_progress

    count = export_run(run_dir, out, kind.value, make_progress())
    print(f"{count} rows in {out}")
    return FINE
