"""The command `drawbench explain-fid`: what an FID depends on besides the pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from harness.exits import FINE
from harness.flags import Device, DeviceFlag, DownloadFlag, JsonFlag, WeightsFlag


def explain_fid(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="The pictures to score.")],
    reference: Annotated[
        list[str], typer.Option(help="What to compare with; several are compared. The first is the base's.")
    ],
    out: Annotated[Path | None, typer.Option(help="A folder for explain-fid.json, .csv and .png.")] = None,
    full: Annotated[
        bool, typer.Option("--full", help="All combinations, not one factor at a time. Takes long.")
    ] = False,
    resizes: Annotated[
        str | None, typer.Option(help="Ways to resize, with commas between; default: all.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="Another distance than FID or what stands in for it.")
    ] = None,
    weights: WeightsFlag = None,
    download: DownloadFlag = False,
    device: DeviceFlag = Device.AUTO,
    as_json: JsonFlag = False,
) -> int:
    """Scores one folder under many conditions: resize, crop, JPEG, number of pictures, reference."""
    from drawbench.errors import InputError
    from harness.atomic import writing_to
    from harness.explain_fid import Levels, explain
    from harness.explain_fid_output import as_json as in_json
    from harness.explain_fid_output import print_explanation, write_explanation
    from harness.options import split_names
    from harness.progress import StageCalls, make_progress
    from harness.reference import ReferenceSource
    from harness.score_plan import ScorePlan, extractors_for

    chosen = split_names(resizes, "--resizes")
    try:
        levels = Levels() if chosen is None else Levels(resizes=chosen)
    except ValueError as error:
        raise InputError(f"--resizes: {error}") from None
    if out is not None and out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file, not a folder")
    plan = ScorePlan(weights_dir=weights, download=download, device=device.value)
    with StageCalls(make_progress()) as report:
        explanation = explain(
            ReferenceSource.parse(folder),
            reference,
            extractors_for(plan, report),
            levels=levels,
            metric=metric,
            full=full,
            progress=report,
        )
    if out is not None:
        with writing_to(out):
            written = write_explanation(explanation, out)
    if as_json:
        print(json.dumps(in_json(explanation), indent=2, ensure_ascii=False))
        return FINE
    print_explanation(explanation)
    if out is not None:
        print("written: " + ", ".join(str(path) for path in written))
    return FINE
