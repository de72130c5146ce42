"""`--dry-run`: what a run would do, said without doing it."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from drawbench.errors import InputError
from harness.models.capabilities import Charges, CountsSteps, EstimatesTime, KnowsSize, Loads, LooksAhead
from harness.pipeline import Prepared, finished_before
from harness.progress import Progress, duration

PNG_BYTES_A_PIXEL = 1.6
WARM_UP_SECONDS = 3.0
WARM_UP_PICTURES = 8


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds a picture takes, None where nothing tells, and how that is known."""

    seconds: float | None
    source: str


def measured_pace(run: Prepared, progress: Progress) -> Pace:
    """Draws a few of the planned pictures, throws them away and times them.

    After a first one to warm up, up to `WARM_UP_PICTURES` or for about `WARM_UP_SECONDS`. Nothing is drawn
    where each picture costs money; then, and where drawing fails, the model's own estimate counts. Raises
    InputError where the model cannot be loaded, as the run itself would.
    """
    model, settings = run.model, run.plan.settings
    each = model.estimate_seconds(settings) if isinstance(model, EstimatesTime) else None
    stated = Pace(each, "the model's own estimate")
    if isinstance(model, Charges):
        return stated
    requests = run.plan.requests[: WARM_UP_PICTURES + 1]
    if isinstance(model, LooksAhead):
        model.look_ahead(requests)
    if isinstance(model, Loads):
        model.load()
    times: list[float] = []
    with progress.stage("measuring", len(requests)) as advance:
        for request in requests:
            begun = time.perf_counter()
            try:
                model.generate([request])
            except InputError:
                raise
            except Exception:  # the run itself will count and show it
                return stated
            times.append(time.perf_counter() - begun)
            advance(1)
            if len(times) > 1 and sum(times[1:]) >= WARM_UP_SECONDS:
                break
    timed = times[1:] or times
    return Pace(sum(timed) / len(timed), f"measured on {len(timed)} picture{'s' * (len(timed) > 1)}")


def describe_run(run: Prepared, pace: Pace) -> dict[str, Any]:
    """The plan as plain values. Time and disk are rough, for the pictures that are still missing.

    `seconds` and `bytes` are None where the model cannot say. Scoring time is not in it.
    """
    plan, model, settings = run.plan, run.model, run.plan.settings
    planned = plan.planned
    finished = finished_before(run)
    missing = planned - finished
    each = pace.seconds
    size = model.picture_size(settings) if isinstance(model, KnowsSize) else None
    steps = model.network_evaluations(settings) if isinstance(model, CountsSteps) else None
    return {
        "model": run.options.model,
        "identity": dict(run.identity),
        "settings": dict(settings),
        "bench": run.bench.name,
        "bench_digest": run.bench.digest,
        "source": run.bench.source,
        "notices": list(run.bench.notices),
        "seed": plan.seed,
        "samples_per_prompt": plan.samples_per_prompt,
        "limit": plan.limit,
        "engine": str(run.options.engine),
        "shard": None if plan.shard is None else str(plan.shard),
        "prompts": dict(Counter(prompt.category for prompt in plan.prompts)),
        "planned": planned,
        "finished": finished,
        "network_evaluations": None if steps is None else steps * missing,
        "batch_size": run.batch_size,
        "seconds": None if each is None else each * missing,
        "seconds_from": pace.source,
        "bytes": None if size is None else round(size[0] * size[1] * PNG_BYTES_A_PIXEL * missing),
        "metrics": list(run.scorer.metrics) if run.scorer else [],
        "run_dir": str(run.run_dir),
    }


def plan_lines(plan: dict[str, Any]) -> list[str]:
    """The plan for people, one fact a line."""
    prompts = sum(plan["prompts"].values())
    categories = ", ".join(f"{count} {name or 'no category'}" for name, count in plan["prompts"].items())
    settings = ", ".join(f"{name} {value}" for name, value in plan["settings"].items()) or "none"
    pictures = f"{plan['planned']} ({prompts} prompts x {plan['samples_per_prompt']}"
    pictures += ")" if plan["shard"] is None else f", shard {plan['shard']})"
    lines = [
        f"model: {plan['model']}",
        f"settings: {settings}, seed {plan['seed']}",
        f"bench: {plan['bench']}, {plan['source']}" if plan["source"] else f"bench: {plan['bench']}",
        f"prompts: {prompts}: {categories}",
        f"pictures: {pictures}, {plan['finished']} finished, batches of {plan['batch_size']}",
    ]
    if plan["network_evaluations"] is not None:
        lines.append(f"steps: {plan['network_evaluations']:,} network evaluations")
    length = "unknown" if plan["seconds"] is None else _time(plan["seconds"], plan["seconds_from"])
    disk = "unknown" if plan["bytes"] is None else f"about {_megabytes(plan['bytes'])}"
    lines += [f"time: {length}", f"disk: {disk}"]
    if plan["metrics"]:
        lines.append(f"metrics: {', '.join(plan['metrics'])}")
    return [*lines, f"run folder: {plan['run_dir']}", "dry run: nothing was written"]


def _time(seconds: float, source: str) -> str:
    return f"about {duration(seconds)} ({source}), without scoring"


def sweep_lines(plans: list[dict[str, Any]]) -> list[str]:
    """The plans of a sweep for people: what they share, then a line for each, then the sums."""
    shared = plan_lines(plans[0])
    lines = [shared[0], *shared[2:4]]
    for plan in plans:
        done = f"{plan['finished']} of {plan['planned']} pictures finished"
        lines.append(f"run: {plan['run_dir']}, {done}")
    known = [plan["seconds"] for plan in plans if plan["seconds"] is not None]
    length = _time(sum(known), plans[0]["seconds_from"]) if len(known) == len(plans) else "unknown"
    sizes = [plan["bytes"] for plan in plans if plan["bytes"] is not None]
    disk = f"about {_megabytes(sum(sizes))}" if len(sizes) == len(plans) else "unknown"
    total = sum(plan["planned"] for plan in plans)
    return [*lines, f"pictures: {total}", f"time: {length}", f"disk: {disk}", "dry run: nothing was written"]


def print_plans(runs: Sequence[Prepared], progress: Progress, *, as_json: bool) -> None:
    """Measures each run of a sweep and prints what would be done."""
    plans = [describe_run(run, measured_pace(run, progress)) for run in runs]
    print(json.dumps(plans, indent=2, ensure_ascii=False) if as_json else "\n".join(sweep_lines(plans)))


def _megabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(count / 1e6, 0.1):.1f} MB"
