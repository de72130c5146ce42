"""`drawbench watch`: how far runs are, from another terminal."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.exits import FINE
from harness.flags import JsonFlag

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = ("run", "state", "stage", "planned", "ok", "failed", "missing", "a second", "left")


def watch(
    place: Annotated[Path, typer.Argument(help="A run folder, or the folder that runs go to.")] = Path(
        "results"
    ),
    once: Annotated[bool, typer.Option("--once", help="Show the table once and stop.")] = False,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 2.0,
    as_json: JsonFlag = False,
) -> int:
    """Shows running jobs: planned, made, failed, speed and time left. Ends when none is running."""
    from rich.console import Console
    from rich.live import Live

    from harness.watch import Watched, find_runs

    watched = [Watched.open(folder) for folder in find_runs(place)]
    rows = [one.refresh() for one in watched]
    if as_json:
        print(json.dumps(rows, indent=2))
        return FINE
    console = Console(markup=False)
    if once or not console.is_terminal:
        console.print(_table(rows))
        return FINE
    with Live(_table(rows), console=console, auto_refresh=False) as live:
        while any(row["state"] == "running" for row in rows):
            time.sleep(every)
            rows = [one.refresh() for one in watched]
            live.update(_table(rows), refresh=True)
    return FINE


def _table(rows: Sequence[dict[str, Any]]) -> Table:
    from rich import box
    from rich.table import Table

    from harness.progress import duration

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in COLUMNS:
        table.add_column(name, justify="left" if name in COLUMNS[:3] else "right", overflow="fold")
    for row in rows:
        left, pace = row["seconds_left"], row["per_second"]
        numbers = [str(row[name]) for name in ("planned", "ok", "failed", "missing")]
        ends = ["" if pace is None else f"{pace:.3g}", "" if left is None else duration(left)]
        table.add_row(row["run"], row["state"], row["stage"] or "", *numbers, *ends)
    return table
