"""The installed command `drawbench`: the main command and what goes with it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.difference_command import difference
from harness.distance_command import distance
from harness.exits import FINE, command_line, run_app
from harness.explain_fid_command import explain_fid
from harness.export_command import export
from harness.ls_command import ls
from harness.merge_command import merge
from harness.pareto_command import pareto
from harness.reference_command import reference
from harness.run import (
    Device,
    DeviceFlag,
    DownloadFlag,
    JsonFlag,
    MetricsFlag,
    ReferenceFlag,
    WeightsFlag,
    WithFlag,
    run,
)
from harness.selftest_command import selftest
from harness.verify_command import verify
from harness.watch_command import watch
from harness.weights_command import weights_app

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]


def score(
    run_dir: RunFolder,
    metrics: MetricsFlag = None,
    reference: ReferenceFlag = None,
    weights: WeightsFlag = None,
    networks: WithFlag = None,
    download: DownloadFlag = False,
    device: DeviceFlag = Device.AUTO,
    as_json: JsonFlag = False,
) -> int:
    """Scores a run folder's pictures again and rewrites its summary and report."""
    from harness.options import ScoreOptions, split_names, split_networks
    from harness.pipeline import score_again
    from harness.progress import make_progress
    from harness.results_table import print_summary

    scoring = ScoreOptions(
        metrics=split_names(metrics),
        reference=reference,
        weights=weights,
        download=download,
        device=device.value,
        networks=split_networks(networks or ()),
    )
    summary = score_again(run_dir, scoring, make_progress(), command=command_line())
    for notice in summary["notices"]:
        print(notice, file=sys.stderr if as_json else sys.stdout)
    if as_json:
        print(json.dumps(summary, indent=2, ensure_ascii=False))
    else:
        print_summary(summary, str(run_dir))
    return FINE


def report(run_dir: RunFolder) -> int:
    """Writes a run folder's grid.png and report.html again."""
    from harness.grid import write_grid
    from harness.report import write_report

    for path in (write_grid(run_dir), write_report(run_dir)):
        print(path)
    return FINE


def control(
    run_dir: RunFolder,
    metric: Annotated[str, typer.Option(help="A metric of pictures and captions.")] = "align_conse",
    seed: Annotated[int, typer.Option(min=0, help="Decides which caption each picture gets.")] = 0,
    shuffles: Annotated[int, typer.Option(min=1, help="Other captions for each picture.")] = 16,
    as_json: JsonFlag = False,
) -> int:
    """Scores a run with its own and with shuffled captions: does the model follow its prompts at all?"""
    from harness.control import caption_control, control_json, control_lines
    from harness.progress import StageCalls, make_progress

    with StageCalls(make_progress()) as report_progress:
        result = caption_control(run_dir, metric, seed, shuffles, report_progress)
    print(json.dumps(control_json(result), indent=2) if as_json else "\n".join(control_lines(result)))
    return FINE


def describe(
    presets: Annotated[
        list[str] | None, typer.Argument(metavar="PRESET", help="All, in one line each, without it.")
    ] = None,
    as_json: JsonFlag = False,
) -> int:
    """Shows what a preset of the built-in model is and costs: parameters, arithmetic, memory, levels."""
    from harness.models.imagen import describe_presets

    print(describe_presets(presets or (), as_json))
    return FINE


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line `drawbench`; returns its exit status."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    for command in (
        run,
        score,
        control,
        report,
        verify,
        export,
        watch,
        ls,
        describe,
        selftest,
        difference,
        merge,
        pareto,
        reference,
        distance,
        explain_fid,
    ):
        app.command()(command)
    app.add_typer(weights_app, name="weights")
    return run_app(app, arguments, "drawbench")


if __name__ == "__main__":
    sys.exit(main())
