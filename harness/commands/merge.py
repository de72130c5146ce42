"""`drawbench merge`: the shards of a run as one run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.flags import (
    Device,
    DeviceFlag,
    DownloadFlag,
    JsonFlag,
    MetricsFlag,
    ReferenceFlag,
    WeightsFlag,
    WithFlag,
)


def merge(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders made with --shard.")],
    out: Annotated[Path, typer.Option(help="The run folder to make.")],
    score: Annotated[bool, typer.Option("--score/--no-score", help="Score the pictures.")] = True,
    metrics: MetricsFlag = None,
    reference: ReferenceFlag = None,
    weights: WeightsFlag = None,
    networks: WithFlag = None,
    download: DownloadFlag = False,
    device: DeviceFlag = Device.AUTO,
    as_json: JsonFlag = False,
) -> int:
    """Puts the shards of a run together and scores the whole; exit status 1 where samples are missing."""
    from harness.exits import command_line
    from harness.generate import OnFailure
    from harness.merge import merge_runs
    from harness.options import ScoreOptions, split_names, split_networks
    from harness.pipeline import score_again
    from harness.progress import make_progress
    from harness.results_table import print_notices, print_summary
    from harness.summary import SUMMARY_NAME, read_summary, verdict

    scoring = None
    if score:
        scoring = ScoreOptions(
            metrics=split_names(metrics),
            reference=reference,
            weights=weights,
            download=download,
            device=device.value,
            networks=split_networks(networks or ()),
        )
    progress = make_progress()
    merged = merge_runs(runs, out, progress)
    policies = [read_summary(run)["on_failure"] for run in runs if (run / SUMMARY_NAME).exists()]
    policy: OnFailure = policies[0] if policies else "count"
    summary = score_again(out, scoring, progress, on_failure=policy, command=command_line())
    print_notices(summary["notices"], as_json=as_json)
    if not as_json:
        print(
            f"{len(runs)} runs merged: {merged.merged} of {merged.planned} samples, {merged.overlapping} "
            f"overlapping, {merged.missing} missing, {merged.damaged} of them with a damaged picture"
        )
    print_summary(summary, str(out), as_json=as_json)
    return 1 if merged.missing else verdict(summary)
