"""`drawbench study status`, `close`, `reopen`, `exclude`, `include`: where a study stands, and its course."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from drawbench.errors import InputError
from harness.exits import FINE
from harness.flags import JsonFlag
from human_eval_app.commands.invite import BY, StudyFolder

if TYPE_CHECKING:
    from rich.table import Table

    from human_eval_app.store.records import Rater, StudyProgress

_TABLE_WIDTH = 160


class TargetChoice(StrEnum):
    """What can be left out of the analysis."""

    RATER = "rater"
    RATING = "rating"
    ITEM = "item"


TargetKind = Annotated[TargetChoice, typer.Argument(help="A rater, one page's ratings, or an item.")]
TargetId = Annotated[str, typer.Argument(metavar="ID", help="Rater number, presentation id or item id.")]


def status(
    study: StudyFolder,
    raters: Annotated[bool, typer.Option("--raters", help="Every rater in a line.")] = False,
    as_json: JsonFlag = False,
) -> int:
    """Shows how far a study is: ratings done and wanted, live leases, control trials, exclusions."""
    from human_eval_app.store.opening import opened

    with opened(study) as (_, store):
        progress = store.progress()
        people = store.raters() if raters else []
    if as_json:
        told = {**_plain(asdict(progress)), "wanted": progress.wanted, "rated": progress.rated}
        if raters:
            told["raters_listed"] = [_plain(asdict(rater)) for rater in people]
        print(json.dumps(told, indent=2, ensure_ascii=False))
        return FINE
    _print(progress, people)
    return FINE


def close(study: StudyFolder) -> int:
    """Ends a study: no one enters, no answer is taken. Nothing is deleted; `reopen` goes on."""
    from human_eval_app.store.opening import opened

    with opened(study) as (known, store):
        store.close(BY)
        progress = store.progress()
    print(f"{known.design.name} is closed with {progress.rated} of {progress.wanted} ratings")
    return FINE


def reopen(study: StudyFolder) -> int:
    """Goes on with a closed study."""
    from human_eval_app.store.opening import opened

    with opened(study) as (known, store):
        store.reopen(BY)
    print(f"{known.design.name} is open")
    return FINE


def exclude(
    study: StudyFolder,
    target: TargetKind,
    target_id: TargetId,
    reason: Annotated[str, typer.Option(help="Why; it stands in the log and in exports.")],
) -> int:
    """Leaves a rater, a page's ratings or an item out of the analysis. Logged, and undone by `include`."""
    return _set(study, target, target_id, reason, excluded=True)


def include(
    study: StudyFolder,
    target: TargetKind,
    target_id: TargetId,
    reason: Annotated[str, typer.Option(help="Why; it stands in the log.")],
) -> int:
    """Takes back an exclusion."""
    return _set(study, target, target_id, reason, excluded=False)


def _set(study: StudyFolder, target: TargetChoice, target_id: str, reason: str, *, excluded: bool) -> int:
    from human_eval_app.store.opening import opened

    if target is TargetChoice.RATER and not (target_id.isascii() and target_id.isdecimal()):
        raise InputError(f"{target_id!r} is no rater's number; 'study status --raters' lists them")
    with opened(study) as (_, store):
        act = store.exclude if excluded else store.include
        changed = act(target.value, target_id, reason, BY)
    done = "excluded" if excluded else "included"
    print(f"{target.value} {target_id} {done if changed else f'was {done} already'}")
    return FINE


def _print(progress: StudyProgress, people: list[Rater]) -> None:
    from rich.console import Console

    console = Console() if sys.stdout.isatty() else Console(width=_TABLE_WIDTH)
    console.print(
        f"{progress.name} ({progress.status}), design {progress.digest[:12]}", markup=False, highlight=False
    )
    console.print(_cells(progress))
    for line in _lines(progress):
        console.print(line, markup=False, highlight=False)
    if people:
        console.print(_people(people))


def _cells(progress: StudyProgress) -> Table:
    from rich.text import Text

    table = _table("cell", "pages", "ratings", "of", "done", "open now", "raters")
    for cell in progress.cells:
        share = f"{cell.rated / cell.wanted:.0%}" if cell.wanted else ""
        numbers = (cell.items, cell.rated, cell.wanted, share, cell.live, cell.raters)
        table.add_row(Text(cell.cell), *map(str, numbers))
    if len(progress.cells) > 1:
        live, items = sum(c.live for c in progress.cells), sum(c.items for c in progress.cells)
        share = f"{progress.rated / progress.wanted:.0%}" if progress.wanted else ""
        people = sum(cell.raters for cell in progress.cells)
        table.add_row("all", *map(str, (items, progress.rated, progress.wanted, share, live, people)))
    return table


def _lines(progress: StudyProgress) -> list[str]:
    people = ", ".join(f"{n} {status}" for status, n in progress.raters.items() if n) or "none"
    right, seen = progress.controls_right, progress.controls_seen
    lines = [
        f"raters: {people}",
        f"control trials: {right} of {seen} right ({right / seen:.0%})"
        if seen
        else "control trials: none seen",
        f"pages answered {progress.presentations}, skipped {progress.skipped}, flagged {progress.flagged}",
        f"excluded: {progress.excluded_raters} raters, {progress.excluded_ratings} ratings, "
        f"{progress.excluded_items} items",
    ]
    if progress.median_dwell_ms is not None:
        lines.append(f"median time on a page: {progress.median_dwell_ms / 1000:.1f} s")
    if progress.last_rating_at is not None:
        lines.append(f"last rating: {progress.last_rating_at.isoformat(timespec='seconds')}")
    return lines


def _people(people: list[Rater]) -> Table:
    from rich.text import Text

    table = _table(
        "rater", "cell", "status", "pages", "of", "controls", "skipped", "flagged", "label", "why excluded"
    )
    for rater in people:
        controls = f"{rater.controls_right}/{rater.controls_seen}" if rater.controls_seen else ""
        table.add_row(
            str(rater.number),
            Text(rater.cell or ""),
            rater.status,
            str(rater.done),
            str(rater.total),
            controls,
            str(rater.skipped or ""),
            str(rater.flagged or ""),
            Text(rater.label),
            Text(rater.excluded_reason),
        )
    return table


def _table(*columns: str) -> Table:
    from rich.box import SIMPLE
    from rich.table import Table

    table = Table(box=SIMPLE)
    texts = {"cell", "status", "label", "why excluded"}
    for column in columns:
        table.add_column(column, justify="left" if column in texts else "right", no_wrap=column not in texts)
    return table


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value
