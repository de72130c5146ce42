"""`drawbench control`: does a run follow its prompts at all?"""

from __future__ import annotations

import json
from typing import Annotated

import typer

from harness.exits import FINE
from harness.flags import Device, DeviceFlag, DownloadFlag, JsonFlag, RunFolder, WeightsFlag, WithFlag


def control(
    run_dir: RunFolder,
    metric: Annotated[str, typer.Option(help="A metric of pictures and captions.")] = "align_conse",
    seed: Annotated[int, typer.Option(min=0, help="Decides which caption each picture gets.")] = 0,
    shuffles: Annotated[int, typer.Option(min=1, help="Other captions for each picture.")] = 16,
    weights: WeightsFlag = None,
    networks: WithFlag = None,
    download: DownloadFlag = False,
    device: DeviceFlag = Device.AUTO,
    as_json: JsonFlag = False,
) -> int:
    """Scores a run with its own and with shuffled captions: does the model follow its prompts at all?"""
    from harness.control import caption_control, control_json, control_lines
    from harness.options import ScoreOptions, split_networks
    from harness.progress import StageCalls, make_progress

    scoring = ScoreOptions(
        weights=weights, download=download, device=device.value, networks=split_networks(networks or ())
    )
    with StageCalls(make_progress()) as report_progress:
        result = caption_control(run_dir, metric, seed, shuffles, report_progress, scoring)
    print(json.dumps(control_json(result), indent=2) if as_json else "\n".join(control_lines(result)))
    return FINE
