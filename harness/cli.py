"""The installed command `drawbench`: the main command and what goes with it."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from harness.baseline_command import baseline_app
from harness.compare_command import compare
from harness.difference_command import difference
from harness.distance_command import distance
from harness.exits import FINE, command_line, run_app
from harness.explain_fid_command import explain_fid
from harness.export_command import export
from harness.ls_command import ls
from harness.merge_command import merge
from harness.pareto_command import pareto
from harness.reference_command import reference
from harness.report_command import report
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

ELSEWHERE = {
    "rate": "human_eval_app.commands.rate:rate",
    "study": "human_eval_app.commands.study:study_app",
}
"""Commands of the packages that stand above this one: name -> module:function or module:app of sub-commands.

They are imported when a command line is read, never when this module is.
"""

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
    from harness.results_table import print_notices, print_summary

    scoring = ScoreOptions(
        metrics=split_names(metrics),
        reference=reference,
        weights=weights,
        download=download,
        device=device.value,
        networks=split_networks(networks or ()),
    )
    summary = score_again(run_dir, scoring, make_progress(), command=command_line())
    print_notices(summary["notices"], as_json=as_json)
    if as_json:
        print(json.dumps(summary, indent=2, ensure_ascii=False))
    else:
        print_summary(summary, str(run_dir))
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
        compare,
        merge,
        pareto,
        reference,
        distance,
        explain_fid,
    ):
        app.command()(command)
    app.add_typer(weights_app, name="weights")
    app.add_typer(baseline_app, name="baseline")
    for name, place in ELSEWHERE.items():
        module, attribute = place.split(":")
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return run_app(app, arguments, "drawbench")


if __name__ == "__main__":
    sys.exit(main())
