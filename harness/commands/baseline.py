"""`drawbench baseline ...`: named baselines, kept with their history for `drawbench compare`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drawbench.errors import InputError
from harness.commands.compare import DEFAULT_REGISTRY, RegistryFlag
from harness.exits import FINE
from harness.flags import JsonFlag

if TYPE_CHECKING:
    from harness.regression.history import Event

baseline_app = typer.Typer(
    help="Named baselines for drawbench compare, with an append-only history.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The baseline's name, such as release.")]
RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="A finished and scored run folder.")]
NoteFlag = Annotated[str, typer.Option(help="A line for the history, such as the reason.")]


@baseline_app.command()
def add(
    name: NameArgument, run: RunArgument, note: NoteFlag = "", registry: RegistryFlag = DEFAULT_REGISTRY
) -> int:
    """Keeps a run as a new baseline: scores, features and thumbnails, without its pictures."""
    return _keep(registry, name, run, note, promote=False)


@baseline_app.command()
def promote(
    name: NameArgument, run: RunArgument, note: NoteFlag = "", registry: RegistryFlag = DEFAULT_REGISTRY
) -> int:
    """Makes another run the baseline of that name; the history keeps the ones before."""
    return _keep(registry, name, run, note, promote=True)


@baseline_app.command()
def ls(registry: RegistryFlag = DEFAULT_REGISTRY, as_json: JsonFlag = False) -> int:
    """Lists the baselines: which run each is, since when, and its scores."""
    from harness.regression.baselines import names
    from harness.regression.history import read_history

    found = {}
    for name in names(registry):
        events = read_history(registry / name)
        kept = [event for event in events if event.entry is not None]
        if kept:
            found[name] = (kept[-1], len(events))
    if as_json:
        print(json.dumps({name: _event_json(event) for name, (event, _) in found.items()}, indent=2))
        return FINE
    if not found:
        print(f"{registry} has no baseline; add one: drawbench baseline add NAME RUN")
    for name, (event, count) in found.items():
        scores = ", ".join(f"{point.metric} {point.value:.4g}" for point in event.scores[:4])
        print(f"{name}  {event.run}  since {event.time}  {scores}  ({count} events)")
    return FINE


@baseline_app.command()
def show(name: NameArgument, registry: RegistryFlag = DEFAULT_REGISTRY, as_json: JsonFlag = False) -> int:
    """Shows a baseline's history, oldest event first."""
    from harness.regression.baselines import baseline_folder
    from harness.regression.history import read_history

    events = read_history(baseline_folder(registry, name))
    if as_json:
        print(json.dumps([_event_json(event) for event in events], indent=2, ensure_ascii=False))
        return FINE
    for event in events:
        outcome = f" {event.outcome}" if event.outcome else ""
        print(f"{event.time}  {event.kind}{outcome}  {event.commit[:12] or 'no commit'}  {event.run}")
        for point in event.scores:
            ends = "" if point.low is None or point.high is None else f" [{point.low:.4g}, {point.high:.4g}]"
            print(f"    {point.metric} {point.value:.4g}{ends}, n = {point.n}")
        if event.note:
            print(f"    {event.note}")
    return FINE


@baseline_app.command()
def plot(
    name: NameArgument,
    out: Annotated[Path, typer.Option(help="A .png or .svg file; both are written.")] = Path("trend.png"),
    metrics: Annotated[str | None, typer.Option(help="Names with commas between; default: all.")] = None,
    registry: RegistryFlag = DEFAULT_REGISTRY,
) -> int:
    """Draws the scores over the history's events, with the verdict on each candidate."""
    from harness.atomic import write_atomic, writing_to
    from harness.options import split_names
    from harness.regression.baselines import baseline_folder
    from harness.regression.history import read_history
    from harness.regression.trend_plot import trend_plot

    if out.suffix.lower() not in (".png", ".svg") or not out.parent.is_dir():
        raise InputError(f"--out {out}: give a .png or .svg file in a folder that exists")
    events = read_history(baseline_folder(registry, name))
    drawn = trend_plot(events, split_names(metrics), name)
    with writing_to(out.parent):
        for suffix, data in drawn.items():
            write_atomic(out.with_suffix(suffix), data)
            print(out.with_suffix(suffix))
    return FINE


def _keep(registry: Path, name: str, run: Path, note: str, *, promote: bool) -> int:
    from harness.progress import make_progress
    from harness.regression.baselines import keep_run

    event = keep_run(registry, name, run, make_progress(), promote=promote, note=note)
    place = registry / name / str(event.entry)
    size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    print(f"{name} is now {event.run}, kept in {place} ({size / 1e6:.1f} MB)")
    return FINE


def _event_json(event: Event) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(event)
