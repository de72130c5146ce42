"""`drawbench score`: other metrics, or other weights, on a run that is there."""

from __future__ import annotations

from harness.exits import FINE, command_line
from harness.flags import (
    Device,
    DeviceFlag,
    DownloadFlag,
    JsonFlag,
    MetricsFlag,
    ReferenceFlag,
    RunFolder,
    WeightsFlag,
    WithFlag,
)


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
    print_summary(summary, str(run_dir), as_json=as_json)
    return FINE
