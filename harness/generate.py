"""Makes the pictures that a run still lacks, and accounts for each that was planned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from PIL import Image

from harness.engines import Engine, Outcome
from harness.engines.local import describe
from harness.models.capabilities import KnowsSize, Loads, LooksAhead
from harness.pictures import check_picture, encode_png
from harness.plan import Plan
from harness.progress import Progress
from harness.store import RunStore
from harness.types import FAILURES, Drawn, Failure, Model, Request, Sample

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
    tasks = []
    for request in plan.requests:
        sample = settled.get((request.prompt.id, request.index))
        if sample is not None:
            asked = Request(request.prompt, request.index, sample.seed, request.settings)
            if asked.key(identity) == sample.key:
                continue
        tasks.append(Task(request, request.key(identity)))
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
    for request in plan.requests:
        past = history.get((request.prompt.id, request.index), [])
        if not past or past[-1].status == "ok":
            continue
        attempt = len({line.seed for line in past if line.status not in ("ok", "error")})
        again = plan.request(request.prompt, request.index, attempt)
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
    before_first: Callable[[], None] = lambda: None,
) -> int:
    """Makes what is missing and, under "regenerate", tries failures up to `REGENERATE_ROUNDS` times again.

    The model's weights are loaded only if there is something to make; `before_first` is called just after.
    Returns how many requests were made. Raises InputError where the model cannot be loaded or the store
    cannot be written.
    """
    rounds: list[Callable[[], list[Task]]] = [lambda: missing_tasks(plan, identity, store.settled())]
    if on_failure == "regenerate":
        rounds += [lambda: failed_tasks(plan, identity, store.lines)] * REGENERATE_ROUNDS
    made = 0
    for number, find in enumerate(rounds):
        tasks = find()
        if not tasks:
            continue
        if made == 0:
            if isinstance(model, LooksAhead):
                model.look_ahead([task.request for task in tasks])
            if isinstance(model, Loads):
                model.load()
            before_first()
        name = "drawing" if number == 0 else f"drawing failures again, round {number}"
        _carry_out(model, tasks, plan, store, engine, batch_size=batch_size, progress=progress, name=name)
        made += len(tasks)
    return made


def _carry_out(
    model: Model,
    tasks: Sequence[Task],
    plan: Plan,
    store: RunStore,
    engine: Engine,
    *,
    batch_size: int,
    progress: Progress,
    name: str,
) -> None:
    size = model.picture_size(plan.settings) if isinstance(model, KnowsSize) else None
    requests = [task.request for task in tasks]
    with progress.stage(name, len(tasks)) as advance:
        outcomes = engine.carry_out(model, requests, batch_size)
        for task, outcome in zip(tasks, outcomes, strict=True):
            _put(store, task, outcome, size)
            advance(1)


def _put(store: RunStore, task: Task, outcome: Outcome, size: tuple[int, int] | None) -> Sample:
    result: object = outcome.result
    notes: tuple[str, ...] = ()
    cost = result.cost if isinstance(result, Drawn | Failure) else None
    if isinstance(result, Drawn):
        notes, result = result.notes, result.picture
    checked = _checked(result, size)
    seconds = round(outcome.seconds, 4)
    if isinstance(checked, Failure):
        failure = Failure(checked.status, checked.reason, cost)
        return store.put_failure(task.request, task.key, failure, seconds=seconds)
    png = encode_png(checked)
    return store.put_picture(task.request, task.key, png, seconds=seconds, notes=notes, cost=cost)


def _checked(result: object, size: tuple[int, int] | None) -> Image.Image | Failure:
    if isinstance(result, Failure):
        known = result.status in FAILURES
        return result if known else Failure("error", f"the model gave a failure of status {result.status!r}")
    try:
        return check_picture(result, size)
    except Exception as error:  # a lazily read picture shows only now that its file is broken
        return Failure("error", describe(error))
