"""`drawbench pareto`: quality against alignment over a setting's values, as the paper's figures 4 and A.8."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drawbench.errors import InputError
from harness.config_file import config_settings
from harness.exits import FINE, INTERRUPTED, NOT_COMPARABLE, command_line, complain
from harness.flags import (
    BatchSizeFlag,
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
    from harness.pareto.curves import Pareto
    from harness.pareto.sweeping import Ask
    from harness.sweep import Axis

MOST = 25


def pareto(
    context: typer.Context,
    model: Annotated[str | None, typer.Option(help="As in `drawbench run`.")] = None,
    bench: Annotated[str | None, typer.Option(help="As in `drawbench run`.")] = None,
    guidance_scale: Annotated[
        str | None, typer.Option(metavar="W,W,...", help="The weights of each curve, such as 1,1.5,2,5,10.")
    ] = None,
    along: Annotated[
        str | None,
        typer.Option(metavar="KEY=V,V,...", help="Another setting for the curves to run along, or steps."),
    ] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=V,V,...", help="A curve for each value of a setting, or of model."),
    ] = None,
    alignment: Annotated[
        str | None, typer.Option(help="The metric across; default: the best there is for the bench.")
    ] = None,
    quality: Annotated[
        str | None, typer.Option(help="The metric upwards; default: the best Fréchet distance there is.")
    ] = None,
    adaptive: Annotated[
        bool, typer.Option("--adaptive", help="Add weights where the front is least certain, until it holds.")
    ] = False,
    max_points: Annotated[
        int, typer.Option(min=2, help="With --adaptive: at most this many a curve.")
    ] = MOST,
    hypervolume_from: Annotated[
        str | None,
        typer.Option(
            metavar="A,Q",
            help="The reference point, alignment and quality; default: beyond the worst of each.",
        ),
    ] = None,
    config: ConfigFlag = None,
    prompts: PromptsFlag = None,
    strict: StrictFlag = False,
    data_dir: DataDirFlag = None,
    bench_size: BenchSizeFlag = None,
    bench_seed: BenchSeedFlag = 0,
    limit: LimitFlag = None,
    samples_per_prompt: SamplesFlag = None,
    stages: StagesFlag = None,
    steps: StepsFlag = None,
    settings: SettingsFlag = None,
    seed: SeedFlag = 0,
    batch_size: BatchSizeFlag = None,
    device: DeviceFlag = Device.AUTO,
    dtype: DTypeFlag = DType.AUTO,
    on_failure: FailureFlag = FailurePolicy.COUNT,
    reference: ReferenceFlag = None,
    weights: WeightsFlag = None,
    networks: WithFlag = None,
    download: DownloadFlag = False,
    offline: OfflineFlag = False,
    engine: EngineFlag = "local",
    workers: WorkersFlag = None,
    ray_address: RayAddressFlag = None,
    worker_timeout: WorkerTimeoutFlag = None,
    out: Annotated[Path, typer.Option(help="Where run folders go.")] = Path("results"),
    to: Annotated[
        Path | None,
        typer.Option(metavar="PREFIX", help="PREFIX.json, .csv, .png and .svg; default: OUT/pareto-<hash>."),
    ] = None,
    from_file: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE.json", help="Draw this file's figure anew, and nothing else."),
    ] = None,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> int:
    """Sweeps a setting, and draws quality against alignment with a curve for each variant.

    Writes a table (CSV), all numbers (JSON) and the figure (PNG and SVG). Runs share their noise and are
    resumed; the same command again makes nothing twice.
    """
    if from_file is not None:
        _refuse_beside_from(context)
        return _redraw(from_file, to, as_json=as_json)
    if model is None or bench is None:
        raise InputError("give --model and --bench, or --from FILE.json to draw a figure anew")
    from harness.engines.registry import EngineOptions
    from harness.options import RunOptions, ScoreOptions, collect_settings, split_networks
    from harness.pareto.sweeping import Ask, choose_scores
    from harness.sweep import Axis

    curve_axis = _curve_axis(guidance_scale, along)
    varied = tuple(Axis.parse(text, "--vary") for text in vary or ())
    swept = {curve_axis.name, *(axis.name for axis in varied)}
    flagged = collect_settings(settings or (), stages=stages, steps=steps)
    from_config = {name: value for name, value in config_settings(context).items() if name not in swept}
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
        settings={**from_config, **flagged},
        batch_size=batch_size,
        device=device.value,
        dtype=dtype.value,
        out=out,
        on_failure=on_failure.value,
        scoring=ScoreOptions(
            reference=reference,
            weights=weights,
            download=download,
            device=device.value,
            networks=split_networks(networks or ()),
        ),
        offline=offline,
        engine=EngineOptions(engine, workers, ray_address, device.value, worker_timeout),
        command=command_line(),
    )
    chosen = choose_scores(options, alignment, quality)
    corner = None if hypervolume_from is None else _pair(hypervolume_from)
    ask = Ask(curve_axis, varied, *chosen, corner, max_points if adaptive else None)
    return _sweep(options, ask, to, dry_run=dry_run, as_json=as_json)


def _sweep(options: RunOptions, ask: Ask, to: Path | None, *, dry_run: bool, as_json: bool) -> int:
    from harness.atomic import writing_to
    from harness.comparable import NotComparable
    from harness.pareto.record import read_pareto, write_pareto
    from harness.pareto.sweeping import prepare_points, sweep, sweep_name
    from harness.progress import make_progress
    from harness.results_table import print_notices

    prefix = to if to is not None else options.out / sweep_name(options, ask)
    if to is not None:
        _check_prefix(to)
    runs = prepare_points(options, ask)
    print_notices(runs[0].bench.notices, as_json=as_json)
    if dry_run:
        from harness.dry_run import print_plans

        print_plans(runs, make_progress(), as_json=as_json)
        return FINE
    path = prefix.with_name(f"{prefix.name}.json")
    before = read_pareto(path) if path.exists() else None
    if before is not None and before.name != sweep_name(options, ask):
        raise InputError(f"{path} is there already, of another sweep; give another --to, or remove it")

    def save(result: Pareto) -> None:
        with writing_to(prefix.parent):
            prefix.parent.mkdir(parents=True, exist_ok=True)
            write_pareto(result, path)

    try:
        result = sweep(options, ask, make_progress(), save, before)
    except KeyboardInterrupt:
        complain(f"interrupted; what is finished is kept in {options.out}: run the same command again")
        return INTERRUPTED
    except NotComparable as error:
        complain(str(error))
        return NOT_COMPARABLE
    _write_figure(result, prefix)
    _show(result, prefix, as_json=as_json)
    lost = any(point.failed for point in result.points) and options.on_failure == "fail"
    return int(lost or not all(point.scored for point in result.points))


def _redraw(file: Path, to: Path | None, *, as_json: bool) -> int:
    from harness.pareto.record import read_pareto

    if to is not None:
        _check_prefix(to)
    result = read_pareto(file)
    prefix = to if to is not None else file.with_name(file.name.removesuffix(".json"))
    _write_figure(result, prefix)
    _show(result, prefix, as_json=as_json)
    return FINE


def _write_figure(result: Pareto, prefix: Path) -> None:
    from harness.atomic import write_atomic, writing_to
    from harness.pareto.figure import pareto_figure
    from harness.pareto.table import pareto_csv

    png, svg = pareto_figure(result)
    with writing_to(prefix.parent):
        prefix.parent.mkdir(parents=True, exist_ok=True)
        for suffix, content in (("csv", pareto_csv(result)), ("png", png), ("svg", svg.encode())):
            write_atomic(prefix.with_name(f"{prefix.name}.{suffix}"), content)


def _show(result: Pareto, prefix: Path, *, as_json: bool) -> None:
    from harness.pareto.record import pareto_json
    from harness.pareto.table import print_pareto

    if as_json:
        print(json.dumps(pareto_json(result), indent=2, ensure_ascii=False))
    else:
        print_pareto(result)
        print(f"figure: {prefix}.png and .svg, numbers: {prefix}.json and .csv")


def _curve_axis(guidance_scale: str | None, along: str | None) -> Axis:
    from harness.sweep import Axis

    if (guidance_scale is None) == (along is None):
        raise InputError("give the curves' values by --guidance-scale W,W,... or by --along KEY=V,V,...")
    if guidance_scale is not None:
        axis = Axis.parse(f"guidance_scale={guidance_scale}", "--guidance-scale")
    else:
        axis = Axis.parse(along or "", "--along")
    if axis.name == "model":
        raise InputError("curves cannot run along model; give it by --vary")
    return axis


def _pair(text: str) -> tuple[float, float]:
    import math

    try:
        alignment, quality = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--hypervolume-from {text!r}: give two numbers, ALIGNMENT,QUALITY") from None
    if not (math.isfinite(alignment) and math.isfinite(quality)):
        raise InputError(f"--hypervolume-from {text!r}: give two finite numbers")
    return alignment, quality


def _check_prefix(prefix: Path) -> None:
    if prefix.suffix in (".json", ".csv", ".png", ".svg"):
        raise InputError(f"--to {prefix}: give it without {prefix.suffix}, which is added")
    if prefix.is_dir():
        raise InputError(
            f"--to {prefix} is a folder; give the files' common start, such as {prefix / 'guidance'}"
        )


def _refuse_beside_from(context: typer.Context) -> None:
    """Everything that would be part of a sweep has no meaning beside --from."""
    given = [
        name
        for name in context.params
        if name not in ("from_file", "to", "as_json", "config")
        and str(context.get_parameter_source(name)) == "ParameterSource.COMMANDLINE"
    ]
    if given:
        raise InputError(f"--{given[0].replace('_', '-')} has no meaning beside --from; leave one out")
