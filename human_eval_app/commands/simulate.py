"""`drawbench study simulate`: simulated raters fill a study, to demonstrate, rehearse or plan one."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.exits import FINE

if TYPE_CHECKING:
    from harness.progress import Progress
    from human_eval_app.simulated.crowd import Crowd
    from human_eval_app.simulated.habits import Habits
    from human_eval_app.store.rating_store import RatingStore
    from human_eval_app.studies.study import Study

LABEL = "simulated"


def simulate(
    folder: Annotated[Path, typer.Argument(metavar="STUDY", help="A study folder.")],
    raters: Annotated[int, typer.Option(min=1, max=10_000, help="How many raters take part.")] = 25,
    effect: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[MODEL[:QUESTION]=]PERCENT",
            help="In pairs a model's preference over an average one, in alignment its mean score; "
            "repeatable. Without a name: the study's first model. 50 where not given.",
        ),
    ] = None,
    prompt_sd: Annotated[float, typer.Option(help="How much prompts differ, in units of the noise.")] = 0.8,
    rater_sd: Annotated[float, typer.Option(help="How much raters differ, in units of the noise.")] = 0.4,
    side_sd: Annotated[float, typer.Option(help="How much raters favour a side.")] = 0.1,
    lapse: Annotated[float, typer.Option(help="Share of answers given at random.")] = 0.02,
    careless: Annotated[float, typer.Option(help="Share of raters who mostly answer at random.")] = 0.0,
    seconds: Annotated[float, typer.Option(help="Median seconds for a page.")] = 6.0,
    steady: Annotated[
        bool, typer.Option("--steady", help="No undo, skip, flag, reload, second click or lost connection.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Decides who the raters are and what they answer.")] = 0,
    http: Annotated[
        bool, typer.Option("--http", help="Through the rating server, as browsers do; slower than the store.")
    ] = False,
    at_once: Annotated[int, typer.Option(min=1, max=200, help="With --http: raters at the same time.")] = 20,
    hurry: Annotated[
        float, typer.Option(min=0.0, help="With --http: how many times faster than people; 0: at once.")
    ] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Lets simulated raters go through a study that no person has rated.

    Their links carry the label "simulated", and a study with ratings of people is refused: make it anew for
    a simulation.
    """
    from dataclasses import replace

    from harness.progress import make_progress
    from human_eval_app.simulated.crowd import Crowd, read_effects
    from human_eval_app.simulated.habits import STEADY, Habits
    from human_eval_app.studies.study import Study

    study = Study.open(folder)
    crowd = Crowd(
        effects=read_effects(study.design, effect or []),
        prompt_sd=prompt_sd,
        rater_sd=rater_sd,
        side_sd=side_sd,
        lapse=lapse,
        careless=careless,
        seconds=seconds,
        seed=seed,
    )
    habits = replace(STEADY if steady else Habits(), hurry=hurry)
    run = _over_http if http else _in_store
    found = run(study, crowd, habits, raters, at_once, make_progress())
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        for name, value in found.items():
            print(f"{name.replace('_', ' ')}: {value:,}")
        print(f"next: drawbench study analyse {folder}", file=sys.stderr)
    return FINE


def _in_store(
    study: Study, crowd: Crowd, habits: Habits, raters: int, at_once: int, progress: Progress
) -> dict[str, int]:
    from datetime import UTC, datetime, timedelta

    from human_eval_app.simulated.store_crowd import (
        SimulatedClock,
        rate_in_store,
        seconds_needed,
    )
    from human_eval_app.store.rating_store import open_store

    clock = SimulatedClock(datetime.now(UTC))
    store = open_store(study.database_url, create=True, clock=clock)
    try:
        first = _first_rater(store, study)
        store.database.flushes = False  # what is simulated can be made again
        pages = _pages(study)
        # The last answer should not lie in the future.
        numbers = range(first, first + raters)
        clock.now -= timedelta(seconds=seconds_needed(crowd, pages, numbers))
        tokens = [invite.token for invite in store.invite(raters, label=LABEL)]
        with progress.stage("simulated pages", raters * pages) as advance:
            answered = rate_in_store(store, clock, tokens, crowd, habits, first_rater=first, on_page=advance)
        return {"raters": raters, "pages_answered": answered, **_totals(store)}
    finally:
        store.close_connections()


def _over_http(
    study: Study, crowd: Crowd, habits: Habits, raters: int, at_once: int, progress: Progress
) -> dict[str, int]:
    from human_eval_app.simulated.server_process import ServerProcess
    from human_eval_app.simulated.web_crowd import rate_over_http
    from human_eval_app.store.rating_store import open_store

    store = open_store(study.database_url, create=True)
    try:
        first = _first_rater(store, study)
        tokens = [invite.token for invite in store.invite(raters, label=LABEL)]
        with (
            ServerProcess(study.folder) as server,
            progress.stage("simulated pages", raters * _pages(study)) as advance,
        ):
            visits = rate_over_http(
                server.base,
                study.design,
                tokens,
                crowd,
                habits,
                first_rater=first,
                at_once=at_once,
                on_acknowledged=lambda done: advance(1),
            )
        answered = sum(len(visit.acknowledged) for visit in visits)
        return {"raters": raters, "pages_answered": answered, **_totals(store)}
    finally:
        store.close_connections()


def _first_rater(store: RatingStore, study: Study) -> int:
    """Number of the first new rater of the crowd, so that a second simulation adds other raters."""
    from drawbench.errors import InputError

    store.register(study.design)
    known = store.raters()
    people = sum(rater.label != LABEL and rater.entered_at is not None for rater in known)
    if people:
        raise InputError(
            f"{study.folder} has {people} raters who are people; create the study anew to simulate it"
        )
    return sum(rater.label == LABEL for rater in known)


def _pages(study: Study) -> int:
    """About how many pages one rater sees: an upper bound."""
    from human_eval_app.store.raters import load_for

    design = study.design
    most = max(load_for(design, cell).total for cell in design.cells)
    return most + len(design.items_of("practice"))


def _totals(store: RatingStore) -> dict[str, int]:
    found = store.progress()
    return {
        "raters_who_entered": sum(rater.entered_at is not None for rater in store.raters()),
        "ratings_in_the_study": found.ratings,
        "skipped": found.skipped,
        "flagged": found.flagged,
        "places_filled": found.rated,
        "places_wanted": found.wanted,
    }
