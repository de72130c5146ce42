"""`drawbench study export` and `import`: ratings out of a study's database and into another."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from drawbench.errors import InputError
from harness.exits import FINE
from harness.flags import JsonFlag
from human_eval_app.commands.invite import StudyFolder


class FormatChoice(StrEnum):
    """Formats of tables."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


def export(
    study: StudyFolder,
    out: Annotated[Path, typer.Option(help="The folder to write to.")],
    formats: Annotated[
        list[FormatChoice] | None, typer.Option("--format", help="Repeatable; default: all three.")
    ] = None,
    private: Annotated[
        bool,
        typer.Option(
            "--private", help="With labels, recruiting sites' ids and completion codes: for paying."
        ),
    ] = False,
    as_json: JsonFlag = False,
) -> int:
    """Writes ratings, raters and the log with a data dictionary, the design and what a paper must say."""
    from harness.atomic import write_atomic
    from human_eval_app.exports.exporting import export_study
    from human_eval_app.reports.protocol import PROTOCOL_FILE, protocol_markdown
    from human_eval_app.store.opening import opened

    chosen = tuple(dict.fromkeys(choice.value for choice in formats or list(FormatChoice)))
    with opened(study) as (known, store):
        written = list(export_study(store, out, formats=chosen, private=private))
        text = protocol_markdown(known.design, store.progress(), store.raters())
    write_atomic(out / PROTOCOL_FILE, text.encode())
    written.append(out / PROTOCOL_FILE)
    names = [str(path) for path in written]
    print(json.dumps(names, indent=2) if as_json else "\n".join(names))
    return FINE


def import_ratings(
    folder: Annotated[Path, typer.Argument(metavar="EXPORT", help="A folder that `study export` wrote.")],
    database: Annotated[
        str, typer.Option(metavar="FILE|URL", help="The empty database to fill: a file, or a URL.")
    ],
    as_json: JsonFlag = False,
) -> int:
    """Fills an empty database from an export, to analyse it again or to move a study."""
    from human_eval_app.exports.importing import import_study

    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; give one that 'drawbench study export' wrote")
    store = import_study(folder, database)
    try:
        progress = store.progress()
    finally:
        store.close_connections()
    told = {"study": progress.name, "design": progress.digest, "ratings": progress.ratings}
    print(json.dumps(told) if as_json else f"{progress.ratings} ratings of {progress.name} in {database}")
    return FINE
