"""`drawbench compare BASELINE CANDIDATE`: is the candidate worse by more than a margin?"""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drawbench.errors import InputError
from harness.exits import FINE, NOT_COMPARABLE, complain
from harness.flags import Device, DeviceFlag, DownloadFlag, JsonFlag, MetricsFlag, ReferenceFlag, WeightsFlag

if TYPE_CHECKING:
    from harness.regression.judge import CompareOptions, Judged

DEFAULT_REGISTRY = Path("results/baselines")
RegistryFlag = Annotated[Path, typer.Option("--registry", help="The folder of the named baselines.")]


class Seeds(StrEnum):
    """Whether both sides must be of one run seed."""

    SAME = "same"
    DIFFER = "differ"


class Inconclusive(StrEnum):
    """What an inconclusive verdict does to the exit status."""

    EXIT = "exit"
    FAIL = "fail"
    WARN = "warn"
    PASS = "pass"


def compare(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="BASELINE CANDIDATE", help="Run folders; with --baseline the candidate alone."
        ),
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(metavar="registry:NAME", help="A named baseline, or a run folder.")
    ] = None,
    metrics: MetricsFlag = None,
    margin: Annotated[
        list[str] | None,
        typer.Option(metavar="METRIC=X|X%", help="A loss that does not count, absolute or relative."),
    ] = None,
    repeats: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="RUN", help="Another run of the baseline under its own seed, for the noise band."
        ),
    ] = None,
    seeds: Annotated[Seeds, typer.Option(help="differ: the sides may be of other run seeds.")] = Seeds.SAME,
    inconclusive: Annotated[
        Inconclusive, typer.Option(help="Exit status of an inconclusive verdict: 3, 1, or 0 (warn, pass).")
    ] = Inconclusive.EXIT,
    out: Annotated[
        Path | None,
        typer.Option(help="A folder for verdict.json, .xml (JUnit), .html, .txt, comment.md, summary.md."),
    ] = None,
    artifact_url: Annotated[
        str, typer.Option("--artifact-url", help="Where --out will be served from, for pictures in Markdown.")
    ] = "",
    plan: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Compare nothing: say what losses RUN as the baseline can show."),
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Add the candidate's scores to the named baseline's history.")
    ] = False,
    registry: RegistryFlag = DEFAULT_REGISTRY,
    shared_seeds: Annotated[
        bool,
        typer.Option("--shared-seeds", help="Sample i of every prompt was drawn from the same noise."),
    ] = False,
    full: Annotated[bool, typer.Option("--full", help="Decode every picture of both runs too.")] = False,
    reference: ReferenceFlag = None,
    weights: WeightsFlag = None,
    download: DownloadFlag = False,
    device: DeviceFlag = Device.AUTO,
    as_json: JsonFlag = False,
) -> int:
    """Judges a run against a baseline; exits with 0, 1 (worse), 3 (unclear) or 4 (not comparable)."""
    from harness.options import ScoreOptions, split_names
    from harness.progress import make_progress
    from harness.regression.judge import CompareOptions, judge
    from harness.regression.margins import parse_margins
    from harness.regression.verdict_json import verdict_json
    from harness.regression.verdict_text import print_verdict
    from harness.regression.write import write_verdict

    options = CompareOptions(
        scoring=ScoreOptions(split_names(metrics), reference, weights, download, device.value),
        margins=parse_margins(margin or ()),
        repeats=tuple(repeats or ()),
        seeds=seeds.value,
        policy=inconclusive.value,
        shared_seeds=shared_seeds,
        full=full,
        registry=registry,
    )
    if plan is not None:
        if runs or baseline or out or record:
            raise InputError(
                "--plan takes a run of its own; leave out the runs, --baseline, --out and --record"
            )
        return _plan(plan, options, as_json=as_json)
    before, after = _sides(runs or [], baseline)
    if record and not before.startswith("registry:"):
        raise InputError("--record needs a named baseline: --baseline registry:NAME")
    judged = judge(before, after, options, make_progress())
    verdict = judged.verdict if out is None else write_verdict(judged, out, artifact_url)
    if record:
        _record(before, judged, registry)
    if as_json:
        print(json.dumps(verdict_json(verdict), indent=2, ensure_ascii=False))
    else:
        print_verdict(verdict)
    if verdict.outcome == "not comparable":
        complain(verdict.headline)
    elif verdict.outcome == "inconclusive" and inconclusive is Inconclusive.WARN:
        print(f"warning: {verdict.headline}", file=sys.stderr)
    return verdict.exit_status


def _sides(runs: list[str], baseline: str | None) -> tuple[str, str]:
    wanted = 2 if baseline is None else 1
    if len(runs) != wanted:
        raise InputError(
            f"give BASELINE and CANDIDATE, or --baseline and the candidate; got {len(runs)} run"
            f"{'' if len(runs) == 1 else 's'}{'' if baseline is None else ' and --baseline'}"
        )
    return (runs[0], runs[1]) if baseline is None else (baseline, runs[0])


def _plan(run: str, options: CompareOptions, *, as_json: bool) -> int:
    from harness.comparable import NotComparable
    from harness.progress import make_progress
    from harness.regression.plan_run import plan_json, plan_run, plan_text

    try:
        rows = plan_run(run, options, make_progress())
    except NotComparable as error:
        complain(str(error))
        return NOT_COMPARABLE
    print(json.dumps(plan_json(rows), indent=2, ensure_ascii=False) if as_json else plan_text(rows))
    return FINE


def _record(spec: str, judged: Judged, registry: Path) -> None:
    """Adds the candidate to the history; one that could not be opened leaves no line."""
    from harness.regression.baselines import baseline_folder, score_points
    from harness.regression.history import append_event, new_event

    if judged.candidate is None:
        return
    view = judged.candidate.view
    folder = baseline_folder(registry, spec.removeprefix("registry:"))
    append_event(
        folder, new_event("compare", view.manifest, score_points(view), outcome=judged.verdict.outcome)
    )
