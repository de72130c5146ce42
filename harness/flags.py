"""Flags that several commands have, each with one name and one meaning everywhere."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from harness.config_file import use_config


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


RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]
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
ConfigFlag = Annotated[
    Path | None,
    typer.Option(
        "--config",
        is_eager=True,
        callback=use_config,
        help="A TOML file of flags and [settings]; flags stand above.",
    ),
]
PromptsFlag = Annotated[
    Path | None, typer.Option("--prompts", help="A prompt file to take the bench's prompts from.")
]
StrictFlag = Annotated[bool, typer.Option("--strict", help="Refuse to replace or repair the prompts.")]
DataDirFlag = Annotated[
    Path | None, typer.Option("--data-dir", help="The bench's data, such as COCO's folder.")
]
BenchSizeFlag = Annotated[
    int | None,
    typer.Option("--bench-size", min=1, help="Prompts to draw, for benches that draw them (coco, scenes)."),
]
BenchSeedFlag = Annotated[
    int, typer.Option("--bench-seed", min=0, help="Decides which prompts such a bench draws.")
]
LimitFlag = Annotated[
    int | None,
    typer.Option("--limit", min=1, help="Only this many prompts, spread over the categories."),
]
SamplesFlag = Annotated[int | None, typer.Option("--samples-per-prompt", min=1, help="Pictures a prompt.")]
StagesFlag = Annotated[int | None, typer.Option("--stages", help="Stop at this size: 64, 256 or 1024.")]
StepsFlag = Annotated[int | None, typer.Option("--steps", min=1, help="Sampling steps of each stage.")]
SettingsFlag = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Another of the model's settings.")
]
SeedFlag = Annotated[int, typer.Option("--seed", min=0, help="Decides the noise of every sample.")]
BatchSizeFlag = Annotated[
    int | None,
    typer.Option("--batch-size", min=1, help="Pictures drawn side by side. Changes speed, never a picture."),
]
DTypeFlag = Annotated[DType, typer.Option("--dtype", help="The model's number format.")]
FailureFlag = Annotated[
    FailurePolicy,
    typer.Option("--on-failure", help="fail: exit status 1; count: go on; regenerate: try again."),
]
OfflineFlag = Annotated[bool, typer.Option("--offline", help="Never try the network.")]
EngineFlag = Annotated[
    str, typer.Option("--engine", help="Where to draw: local, ray, or one that a package adds.")
]
WorkersFlag = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        help="Processes that draw, one a device; default: local 1, ray all there is room for.",
    ),
]
RayAddressFlag = Annotated[
    str | None,
    typer.Option("--ray-address", help="A Ray cluster that runs already, such as auto or HOST:PORT."),
]
WorkerTimeoutFlag = Annotated[
    float | None,
    typer.Option(
        "--worker-timeout",
        metavar="SECONDS",
        help="Kill a worker that needs longer for a batch; default: 20 x the slowest, 30 min or more.",
    ),
]
DryRunFlag = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and stop.")]
