"""Makes the pictures that a run still lacks, and accounts for each that was planned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Literal

from harness.engines import Crew, Engine, Job, Outcome
from harness.models.capabilities import KnowsSize
from harness.models.recipe import Recipe
from harness.picture_place import picture_path
from harness.plan import Plan
from harness.progress import Progress
from harness.store import RunStore
from harness.types import KeyMaker, Model, Request, Sample

OnFailure = Literal["fail", "count", "regenerate"]
REGENERATE_ROUNDS = 3


@dataclass(frozen=True)
class Task:
    """A request and its key."""

    request: Request
    key: str


def missing_tasks(
    plan: Plan, identity: Mapping[str, Any], settled: Mapping[tuple[str, int], Sample]
) -> list[Task]:
    """What is planned and has no ledger line of the same key, in the plan's order.

    A sample that was drawn again with other noise counts under the key of that noise.
    """
    keys = KeyMaker(identity, plan.settings)
    tasks = []
    for prompt, index in plan.places:
        sample = settled.get((prompt.id, index))
        if sample is None or keys.key(prompt.text, index, sample.seed) != sample.key:
            request = plan.request(prompt, index)
            tasks.append(Task(request, keys.key(prompt.text, index, request.seed)))
    return tasks


def failed_tasks(plan: Plan, identity: Mapping[str, Any], lines: Sequence[Sample]) -> list[Task]:
    """What failed and can be tried again, in the plan's order.

    An `error` may pass, so the same request is made again. Any other failure is the picture's own and would
    come back, so the request gets the noise of its next attempt.
    """
    history: dict[tuple[str, int], list[Sample]] = {}
    for line in lines:
        history.setdefault((line.prompt_id, line.index), []).append(line)
    tasks = []
    for prompt, index in plan.places:
        past = history.get((prompt.id, index), [])
        if not past or past[-1].status == "ok":
            continue
        attempt = len({line.seed for line in past if line.status not in ("ok", "error")})
        again = plan.request(prompt, index, attempt)
        tasks.append(Task(again, again.key(identity)))
    return tasks


def generate_missing(
    model: Model,
    identity: Mapping[str, Any],
    plan: Plan,
    store: RunStore,
    engine: Engine,
    *,
    batch_size: int,
    on_failure: OnFailure,
    progress: Progress,
    recipe: Recipe | None = None,
    before_first: Callable[[], None] = lambda: None,
) -> int:
    """Makes what is missing and, under "regenerate", tries failures up to `REGENERATE_ROUNDS` times again.

    The engine is started, and so the model's weights are loaded, only if there is something to make;
    `before_first` is called just after. Engines that work in other processes need the model's `recipe`.
    Returns how many requests were made. Raises InputError where the model cannot be loaded or the store
    cannot be written.
    """
    rounds: list[Callable[[], list[Task]]] = [lambda: missing_tasks(plan, identity, store.settled())]
    if on_failure == "regenerate":
        rounds += [lambda: failed_tasks(plan, identity, store.lines)] * REGENERATE_ROUNDS
    size = model.picture_size(plan.settings) if isinstance(model, KnowsSize) else None
    job = Job(identity, size, store.place, recipe)
    made = 0
    with ExitStack() as until_done:
        crew: Crew | None = None
        for number, find in enumerate(rounds):
            tasks = find()
            if not tasks:
                continue
            if crew is None:
                crew = until_done.enter_context(engine.start(model, job, [task.request for task in tasks]))
                before_first()
            name = "drawing" if number == 0 else f"drawing failures again, round {number}"
            with progress.stage(name, len(tasks)) as advance:
                _carry_out(crew, tasks, store, batch_size, advance)
            made += len(tasks)
    return made


def _carry_out(
    crew: Crew, tasks: Sequence[Task], store: RunStore, batch_size: int, advance: Callable[[int], None]
) -> None:
    """Has the tasks carried out, and their ledger lines written as the answers come."""
    open_places = set(range(len(tasks)))
    for answers in crew.carry_out([task.request for task in tasks], batch_size):
        places = {place for place, _ in answers}
        if len(places) != len(answers) or not places <= open_places:
            raise RuntimeError("the engine answered a request twice, or one that was not asked")
        open_places -= places
        store.record([_sample(tasks[place], outcome) for place, outcome in answers])
        advance(len(answers))
    if open_places:
        raise RuntimeError(f"the engine left {len(open_places)} requests without an answer")


def _sample(task: Task, outcome: Outcome) -> Sample:
    request = task.request
    return Sample(
        key=task.key,
        prompt_id=request.prompt.id,
        index=request.index,
        seed=request.seed,
        status=outcome.status,
        path=picture_path(request.prompt.id, request.index) if outcome.status == "ok" else None,
        sha256=outcome.sha256,
        seconds=outcome.seconds,
        reason=outcome.reason,
        notes=outcome.notes,
        cost=outcome.cost,
    )
