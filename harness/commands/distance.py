"""The command `drawbench distance`: how far two folders of pictures are apart, without any run."""

from __future__ import annotations

import json
import math
import sys
from typing import Annotated

import typer

from harness.exits import FINE
from harness.flags import Device, DeviceFlag, DownloadFlag, JsonFlag, MetricsFlag, WeightsFlag


def distance(
    folder: Annotated[
        str,
        typer.Argument(metavar="FOLDER", help="Pictures, at any depth; or folder:PATH,size=256,crop=center."),
    ],
    reference: Annotated[
        str, typer.Argument(metavar="REFERENCE", help="A folder, a file of statistics (.npz), or scenes.")
    ],
    metrics: MetricsFlag = None,
    weights: WeightsFlag = None,
    download: DownloadFlag = False,
    device: DeviceFlag = Device.AUTO,
    as_json: JsonFlag = False,
) -> int:
    """Compares a folder of pictures with another, or with statistics: FID and its kin, with intervals."""
    from harness.distance import measure
    from harness.options import split_names
    from harness.progress import StageCalls, make_progress
    from harness.reference import ReferenceSource
    from harness.score_io import score_to_dict
    from harness.score_plan import ScorePlan, extractors_for

    asked = split_names(metrics)
    left, right = ReferenceSource.parse(folder), ReferenceSource.parse(reference)
    plan = ScorePlan(weights_dir=weights, download=download, device=device.value)
    with StageCalls(make_progress()) as report:
        found = measure(left, right, asked, extractors_for(plan, report), progress=report)
    identity, ref_n = found.reference
    if as_json:
        shown = {
            "scores": [score_to_dict(score) for score in found.scores],
            "reference": {"identity": identity, "n": ref_n or None},
            "notes": found.notes,
            "skipped": found.skipped,
        }
        print(json.dumps(shown, indent=2, ensure_ascii=False))
        return FINE
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("metric", "value", "95% interval", "n", "ref n"):
        table.add_column(name, justify="left" if name == "metric" else "right", no_wrap=True)
    for score in found.scores:
        ends = [f"{end:.5g}" if math.isfinite(end) else "n/a" for end in (score.low, score.high)]
        arrow = "↑" if score.direction == "higher" else "↓"
        cells = (f"{score.metric} {arrow}", f"{score.value:.7g}", " to ".join(ends), str(score.n))
        table.add_row(*cells, str(ref_n or "unknown"))
    if found.scores:
        Console(width=None if sys.stdout.isatty() else 120, markup=False).print(table)
    for score in found.scores:
        print(score.identity)
    for metric, reason in found.skipped:
        print(f"not computed: {metric}: {reason}")
    for note in found.notes:
        print(f"note: {note}")
    return FINE
