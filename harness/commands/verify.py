"""`drawbench verify RUN`: does the run hold what it says?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.exits import BAD_VERDICT, FINE
from harness.flags import Device, DeviceFlag, JsonFlag, WeightsFlag

if TYPE_CHECKING:
    from harness.verify import Finding


def verify(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    share: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of the pictures that is drawn and scored again.")
    ] = 0.05,
    seed: Annotated[int, typer.Option(min=0, help="Decides which pictures those are.")] = 0,
    device: DeviceFlag = Device.AUTO,
    weights: WeightsFlag = None,
    as_json: JsonFlag = False,
) -> int:
    """Checks a run: prompts, ledger, pictures, summary and scores; draws and scores a part of it again.

    Writes nothing. The exit status is 1 where something does not hold; what could not be checked is shown.
    """
    from harness.ledger import read_ledger
    from harness.manifest import read_manifest
    from harness.models.registry import ModelOptions
    from harness.progress import make_progress
    from harness.summary import planned_samples
    from harness.verify import some_of, verify_folder
    from harness.verify_again import verify_redrawn, verify_scores
    from harness.verify_features import verify_features

    progress = make_progress()
    found = [*verify_folder(run_dir, progress), verify_scores(run_dir)]
    if share > 0:
        manifest = read_manifest(run_dir)
        chosen = some_of(planned_samples(manifest, read_ledger(run_dir)), share, seed)
        found.append(
            verify_features(run_dir, manifest, chosen, progress, weights=weights, device=device.value)
        )
        options = ModelOptions(device=device.value, weights=weights, offline=True)
        found.append(verify_redrawn(manifest, chosen, options, progress))
    print(_json(found) if as_json else "\n".join(lines(found)))
    return BAD_VERDICT if any(one.verdict == "fails" for one in found) else FINE


def lines(found: Sequence[Finding]) -> list[str]:
    """The findings for people, the problems of each beneath it."""
    from harness.verify import SHOWN

    shown = []
    for one in found:
        shown.append(f"{one.verdict:<9}  {one.check} ({one.n})")
        shown += [f"           {problem}" for problem in one.problems[:SHOWN]]
        if len(one.problems) > SHOWN:
            shown.append(f"           and {len(one.problems) - SHOWN} more")
    bad = [one.check for one in found if one.verdict == "fails"]
    open_ = [one.check for one in found if one.verdict == "unchecked"]
    last = f"does not hold: {', '.join(bad)}" if bad else "the run holds"
    return [*shown, last + (f"; not checked: {', '.join(open_)}" if open_ else "")]


def _json(found: Sequence[Finding]) -> str:
    from dataclasses import asdict

    return json.dumps([asdict(one) for one in found], indent=2, ensure_ascii=False)
