"""The command `drawbench reference`: statistics of real pictures, computed once and kept."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from harness.exits import FINE
from harness.flags import Device, DeviceFlag, DownloadFlag, JsonFlag, WeightsFlag


class CropChoice(StrEnum):
    """What is cut away before pictures are scaled."""

    NONE = "none"
    CENTER = "center"


class ResizeChoice(StrEnum):
    """Pillow's antialiased filters."""

    BICUBIC = "bicubic"
    BILINEAR = "bilinear"
    LANCZOS = "lanczos"
    BOX = "box"


CropFlag = Annotated[
    CropChoice, typer.Option(help="center cuts out the largest square of the middle; none squashes.")
]
ResizeFlag = Annotated[ResizeChoice, typer.Option(help="The filter for --size.")]


def reference(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Real pictures, at any depth.")],
    out: Annotated[Path, typer.Option(help="The .npz file to write.")],
    size: Annotated[int | None, typer.Option(min=1, help="Scale to this square; own size without.")] = None,
    crop: CropFlag = CropChoice.NONE,
    resize: ResizeFlag = ResizeChoice.BICUBIC,
    n: Annotated[int | None, typer.Option("--n", min=2, help="Draw this many of the pictures.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides which are drawn and kept.")] = 0,
    extractors: Annotated[
        str | None, typer.Option(help="Names with commas between; default: that of FID, or its stand-in.")
    ] = None,
    names: Annotated[
        Path | None, typer.Option("--list", help="A file with the paths in FOLDER to use, one a line.")
    ] = None,
    keep_features: Annotated[
        int, typer.Option(min=0, help="Keep features of this many pictures, for KID and the like.")
    ] = 0,
    weights: WeightsFlag = None,
    download: DownloadFlag = False,
    device: DeviceFlag = Device.AUTO,
    as_json: JsonFlag = False,
) -> int:
    """Computes statistics of real pictures once, for --reference FILE.npz ever after.

    The command can be ended at any moment and given again: features that are there are not computed again.
    """
    from harness.distance import available_frechet
    from harness.framing import Framing
    from harness.options import split_names
    from harness.progress import StageCalls, make_progress
    from harness.reference_build import ReferencePlan, build_reference
    from harness.score_plan import ScorePlan, extractors_for

    plan = ReferencePlan(
        folder=folder.expanduser(),
        out=out.expanduser(),
        framing=Framing(size, crop.value, resize.value),
        n=n,
        seed=seed,
        names_file=names,
        keep=keep_features,
    )
    plan.files()
    with StageCalls(make_progress()) as report:
        known = extractors_for(ScorePlan(weights_dir=weights, download=download, device=device.value), report)
        wanted = split_names(extractors, "--extractors")
        if wanted is None:
            wanted = available_frechet(known).image_extractors
        built = build_reference(
            plan,
            [known.image(name) for name in wanted],
            device=known.setting.device,
            progress=lambda done, total: report("reference features", done, total),
        )
    if as_json:
        shown = {**built.provenance, "extractors": built.extractors, "notes": built.remarks}
        print(json.dumps(shown, indent=2, ensure_ascii=False))
        return FINE
    for name, identity in built.extractors.items():
        print(f"{name}: {identity}")
    print(f"{built.provenance['n']} pictures, {built.provenance['identity']}")
    for remark in built.remarks:
        print(f"note: {remark}")
    print(f"use it with --reference {out}")
    return FINE
