"""`--dry-run`: what a run would do, said without doing it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from harness.models.capabilities import CountsSteps, EstimatesTime, KnowsSize
from harness.pipeline import Prepared, finished_before
from harness.progress import duration

PNG_BYTES_A_PIXEL = 1.6


def describe_run(run: Prepared) -> dict[str, Any]:
    """The plan as plain values. Time and disk are rough, for the pictures that are still missing.

    `seconds` and `bytes` are None where the model cannot say. Scoring time is not in it.
    """
    plan, model, settings = run.plan, run.model, run.plan.settings
    planned = plan.planned
    finished = finished_before(run)
    missing = planned - finished
    each = model.estimate_seconds(settings) if isinstance(model, EstimatesTime) else None
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
    time = "unknown" if plan["seconds"] is None else f"about {duration(plan['seconds'])}, without scoring"
    disk = "unknown" if plan["bytes"] is None else f"about {_megabytes(plan['bytes'])}"
    lines += [f"time: {time}", f"disk: {disk}"]
    if plan["metrics"]:
        lines.append(f"metrics: {', '.join(plan['metrics'])}")
    return [*lines, f"run folder: {plan['run_dir']}", "dry run: nothing was written"]


def _megabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(count / 1e6, 0.1):.1f} MB"
