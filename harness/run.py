"""The main command: `python -m harness.run --model imagen --bench drawbench`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.config_file import config_settings
from harness.exits import FINE, INTERRUPTED, command_line, complain, run_app
from harness.flags import (
    BatchSizeFlag,
    BenchFlag,
    BenchSeedFlag,
    BenchSizeFlag,
    ConfigFlag,
    DataDirFlag,
    Device,
    DeviceFlag,
    DownloadFlag,
    DryRunFlag,
    DType,
    DTypeFlag,
    EngineFlag,
    FailureFlag,
    FailurePolicy,
    JsonFlag,
    LimitFlag,
    MetricsFlag,
    ModelFlag,
    OfflineFlag,
    PromptsFlag,
    RayAddressFlag,
    ReferenceFlag,
    SamplesFlag,
    SeedFlag,
    SettingsFlag,
    StagesFlag,
    StepsFlag,
    StrictFlag,
    WeightsFlag,
    WithFlag,
    WorkersFlag,
    WorkerTimeoutFlag,
)

if TYPE_CHECKING:
    from harness.options import RunOptions
    from harness.sweep import Axis


def run(
    context: typer.Context,
    model: ModelFlag,
    bench: BenchFlag,
    config: ConfigFlag = None,
    prompts: PromptsFlag = None,
    strict: StrictFlag = False,
    data_dir: DataDirFlag = None,
    bench_size: BenchSizeFlag = None,
    bench_seed: BenchSeedFlag = 0,
    limit: LimitFlag = None,
    samples_per_prompt: SamplesFlag = None,
    guidance_scale: Annotated[float | None, typer.Option(help="Classifier-free guidance; 1 is off.")] = None,
    stages: StagesFlag = None,
    steps: StepsFlag = None,
    settings: SettingsFlag = None,
    sweep: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=V,V,...", help="A run for each value of a setting, on the same noise."),
    ] = None,
    seed: SeedFlag = 0,
    batch_size: BatchSizeFlag = None,
    device: DeviceFlag = Device.AUTO,
    dtype: DTypeFlag = DType.AUTO,
    out: Annotated[
        Path, typer.Option(help="Where run folders go, or the run folder to take up again.")
    ] = Path("results"),
    on_failure: FailureFlag = FailurePolicy.COUNT,
    score: Annotated[bool, typer.Option("--score/--no-score", help="Score the pictures.")] = True,
    metrics: MetricsFlag = None,
    reference: ReferenceFlag = None,
    weights: WeightsFlag = None,
    networks: WithFlag = None,
    download: DownloadFlag = False,
    offline: OfflineFlag = False,
    engine: EngineFlag = "local",
    workers: WorkersFlag = None,
    ray_address: RayAddressFlag = None,
    worker_timeout: WorkerTimeoutFlag = None,
    images_to: Annotated[
        str | None,
        typer.Option(help="A URL (s3://, gs://, ...) for workers that share no disk to write pictures to."),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(metavar="I/N", help="Draw only this part; `drawbench merge` puts the parts together."),
    ] = None,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> int:
    """Draws a bench's prompts with a model, scores the pictures and leaves a run folder.

    The same command takes up a run that was ended at any moment, and repeats nothing.
    """
    from harness.engines.registry import EngineOptions
    from harness.options import RunOptions, ScoreOptions, collect_settings, split_names, split_networks
    from harness.shard import parse_shard
    from harness.sweep import Axis

    axes = [Axis.parse(text) for text in sweep or ()]
    flagged = collect_settings(settings or (), guidance_scale=guidance_scale, stages=stages, steps=steps)
    from_file = {n: v for n, v in config_settings(context).items() if n not in {axis.name for axis in axes}}
    options = RunOptions(
        model=model,
        bench=bench,
        prompts=prompts,
        strict=strict,
        data_dir=data_dir,
        limit=limit,
        bench_seed=bench_seed,
        bench_size=bench_size,
        samples_per_prompt=samples_per_prompt,
        seed=seed,
        settings={**from_file, **flagged},
        batch_size=batch_size,
        device=device.value,
        dtype=dtype.value,
        out=out,
        on_failure=on_failure.value,
        score=score,
        scoring=ScoreOptions(
            metrics=split_names(metrics),
            reference=reference,
            weights=weights,
            download=download,
            device=device.value,
            networks=split_networks(networks or ()),
        ),
        offline=offline,
        engine=EngineOptions(engine, workers, ray_address, device.value, worker_timeout),
        shard=None if shard is None else parse_shard(shard),
        images_to=images_to,
        command=command_line(),
    )
    if axes:
        return _run_sweep(options, axes, dry_run=dry_run, as_json=as_json)
    return _run_one(options, dry_run=dry_run, as_json=as_json)


def _run_one(options: RunOptions, *, dry_run: bool, as_json: bool) -> int:
    from harness.pipeline import execute, prepare
    from harness.progress import make_progress
    from harness.results_table import print_notices, print_summary
    from harness.summary import verdict

    prepared = prepare(options)
    print_notices(prepared.bench.notices, as_json=as_json)
    if dry_run:
        from harness.dry_run import describe_run, measured_pace, plan_lines

        plan = describe_run(prepared, measured_pace(prepared, make_progress()))
        print(json.dumps(plan, indent=2, ensure_ascii=False) if as_json else "\n".join(plan_lines(plan)))
        return FINE
    try:
        summary = execute(prepared, make_progress())
    except KeyboardInterrupt:
        complain(f"interrupted; what is finished is kept in {prepared.run_dir}: run the same command again")
        return INTERRUPTED
    print_summary(summary, str(prepared.run_dir), as_json=as_json)
    return verdict(summary)


def _run_sweep(options: RunOptions, axes: Sequence[Axis], *, dry_run: bool, as_json: bool) -> int:
    from harness.progress import make_progress
    from harness.results_table import print_notices, print_sweep
    from harness.summary import verdict
    from harness.sweep import execute_sweep, prepare_all

    runs = prepare_all(options, axes)
    print_notices(runs[0].bench.notices, as_json=as_json)
    if dry_run:
        from harness.dry_run import print_plans

        print_plans(runs, make_progress(), as_json=as_json)
        return FINE
    try:
        result = execute_sweep(options, axes, make_progress())
    except KeyboardInterrupt:
        complain(f"interrupted; what is finished is kept in {options.out}: run the same command again")
        return INTERRUPTED
    if as_json:
        print(json.dumps(result, indent=2, ensure_ascii=False))
    else:
        print_sweep(result, options.out)
    return max(verdict(one) for one in result["runs"])


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line `python -m harness.run`; returns its exit status."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(run)
    return run_app(app, arguments, "python -m harness.run")


if __name__ == "__main__":
    sys.exit(main())
