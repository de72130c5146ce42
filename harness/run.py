"""The main command: `python -m harness.run --model imagen --bench drawbench`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.config_file import config_settings, use_config
from harness.exits import FINE, INTERRUPTED, command_line, complain, run_app

if TYPE_CHECKING:
    from harness.options import RunOptions
    from harness.sweep import Axis


class Device(StrEnum):
    """Where to compute."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class DType(StrEnum):
    """The model's number format."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


class FailurePolicy(StrEnum):
    """What a sample without a picture means."""

    FAIL = "fail"
    COUNT = "count"
    REGENERATE = "regenerate"


ModelFlag = Annotated[
    str,
    typer.Option(
        "--model",
        help="imagen, diffusers:FOLDER, openai:MODEL, folder:PATH, my_pkg.module:MyModel, ...; "
        "`drawbench ls models` lists them.",
    ),
]
BenchFlag = Annotated[
    str, typer.Option("--bench", help="A bench's name, or file:PATH. `drawbench ls` lists them.")
]
MetricsFlag = Annotated[
    str | None,
    typer.Option("--metrics", help="Names with commas between; default: all that can be computed."),
]
ReferenceFlag = Annotated[
    str | None,
    typer.Option(
        "--reference",
        help="Real pictures: scenes, a folder, folder:PATH,size=256,crop=center, or statistics (.npz).",
    ),
]
WeightsFlag = Annotated[
    Path | None, typer.Option("--weights", help="A folder to look for weights in, first.")
]
WithFlag = Annotated[
    list[str] | None,
    typer.Option(
        "--with",
        metavar="KEY=NETWORK,...",
        help="Networks for the metrics: clip=MODEL/TAG, MODEL=FILE or local-dir:FOLDER (open_clip); "
        "pick=, vqa= and detector= a hub's name or a folder; detector= also my_pkg.module:name.",
    ),
]
DownloadFlag = Annotated[bool, typer.Option("--download", help="Fetch weights that are not on this machine.")]
DeviceFlag = Annotated[Device, typer.Option("--device", help="Where to compute.")]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")]


def run(
    context: typer.Context,
    model: ModelFlag,
    bench: BenchFlag,
    config: Annotated[
        Path | None,
        typer.Option(
            is_eager=True, callback=use_config, help="A TOML file of flags and [settings]; flags stand above."
        ),
    ] = None,
    prompts: Annotated[
        Path | None, typer.Option(help="A prompt file to take the bench's prompts from.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse to replace or repair the prompts.")
    ] = False,
    data_dir: Annotated[Path | None, typer.Option(help="The bench's data, such as COCO's folder.")] = None,
    bench_size: Annotated[
        int | None, typer.Option(min=1, help="Prompts to draw, for benches that draw them (coco, scenes).")
    ] = None,
    bench_seed: Annotated[int, typer.Option(min=0, help="Decides which prompts such a bench draws.")] = 0,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only this many prompts, spread over the categories.")
    ] = None,
    samples_per_prompt: Annotated[int | None, typer.Option(min=1, help="Pictures a prompt.")] = None,
    guidance_scale: Annotated[float | None, typer.Option(help="Classifier-free guidance; 1 is off.")] = None,
    stages: Annotated[int | None, typer.Option(help="Stop at this size: 64, 256 or 1024.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Sampling steps of each stage.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Another of the model's settings.")
    ] = None,
    sweep: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=V,V,...", help="A run for each value of a setting, on the same noise."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides the noise of every sample.")] = 0,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Pictures drawn side by side. Changes speed, never a picture.")
    ] = None,
    device: DeviceFlag = Device.AUTO,
    dtype: Annotated[DType, typer.Option(help="The model's number format.")] = DType.AUTO,
    out: Annotated[
        Path, typer.Option(help="Where run folders go, or the run folder to take up again.")
    ] = Path("results"),
    on_failure: Annotated[
        FailurePolicy, typer.Option(help="fail: exit status 1; count: go on; regenerate: try again.")
    ] = FailurePolicy.COUNT,
    score: Annotated[bool, typer.Option("--score/--no-score", help="Score the pictures.")] = True,
    metrics: MetricsFlag = None,
    reference: ReferenceFlag = None,
    weights: WeightsFlag = None,
    networks: WithFlag = None,
    download: DownloadFlag = False,
    offline: Annotated[bool, typer.Option("--offline", help="Never try the network.")] = False,
    engine: Annotated[
        str, typer.Option(help="Where to draw: local, ray, or one that a package adds.")
    ] = "local",
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, help="Processes that draw, one a device; default: local 1, ray all there is room for."
        ),
    ] = None,
    ray_address: Annotated[
        str | None, typer.Option(help="A Ray cluster that runs already, such as auto or HOST:PORT.")
    ] = None,
    worker_timeout: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="Kill a worker that needs longer for a batch; default: 20 x the slowest, 30 min or more.",
        ),
    ] = None,
    images_to: Annotated[
        str | None,
        typer.Option(help="A URL (s3://, gs://, ...) for workers that share no disk to write pictures to."),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(metavar="I/N", help="Draw only this part; `drawbench merge` puts the parts together."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and stop.")] = False,
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
    if as_json:
        print(json.dumps(summary, indent=2, ensure_ascii=False))
    else:
        print_summary(summary, str(prepared.run_dir))
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
