"""The planner on a run folder: gathers each row's noise and writes the plan down."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from drawbench.errors import InputError
from harness.difference import Chosen, Pairing, Place, choose, pair_samples
from harness.metrics import find_metric
from harness.progress import Progress
from harness.regression.evidence import Evidence, paired_values, values_of
from harness.regression.judge import CompareOptions, Opened, gather, open_side
from harness.regression.margins import FAILURES_METRIC, margin_of
from harness.regression.planner import Noise, PlanRow, plan_rows, unpaired_error
from harness.regression.verdict_text import WIDTH
from harness.regression.wording import number
from harness.stats import t_quantile
from harness.types import Score

_FROM_REPEATS = "pairs with {} repeats"


def plan_run(run: str, options: CompareOptions, progress: Progress) -> tuple[PlanRow, ...]:
    """The plan for `run`, a run folder or "registry:NAME", as a baseline; `options.repeats` sharpen it.

    Raises InputError where it is no scored run, NotComparable where it is torn or altered.
    """
    side = open_side(run, "run", options, progress)
    repeats = [open_side(str(path), f"repeat {path}", options, progress) for path in options.repeats]
    return plan_rows([_failures(side, options), *noise_of(side, repeats, options)])


def noise_of(side: Opened, repeats: Sequence[Opened], options: CompareOptions) -> list[Noise]:
    """Each row's noise: of every metric over all prompts, and of per-image metrics over categories."""
    chosen = choose(side.view, side.view, options.scoring.metrics)
    compared = [_against_repeat(side, repeat, chosen, options) for repeat in repeats]
    rows = []
    for name in chosen.per_image:
        bounds = _bounds(name)
        values = values_of(side.view, name)
        categories = {prompt.id: prompt.category for prompt in side.view.prompts}
        places = [(s.prompt_id, s.index) for s in side.view.samples if s.status == "ok"]
        for pairs in paired_values(values, values, places, categories):
            prompts = [prompt_id for prompt_id, _ in pairs.places]
            error, source = unpaired_error(pairs.a, prompts, bounds)
            mean = float(pairs.a.mean())
            rows.append(
                _noise(
                    chosen.scores[name],
                    pairs.category,
                    mean,
                    pairs.places,
                    (error, source),
                    compared,
                    margin_of(name, options.margins).at(mean),
                    bounds,
                )
            )
    places = [(s.prompt_id, s.index) for s in side.view.samples if s.status == "ok"]
    for name in chosen.whole_set:
        score = chosen.scores[name]
        groups = min(20, len({prompt_id for prompt_id, _ in places}))
        error = math.sqrt(2) * (score.high - score.low) / 2 / t_quantile(0.95, max(1, groups - 1))
        margin = margin_of(name, options.margins).at(score.value)
        found = (error, "nothing shared by the pairs (upper bound)")
        rows.append(_noise(score, None, score.value, places, found, compared, margin, None, groups - 1.0))
    return rows


def plan_json(rows: Sequence[PlanRow]) -> dict[str, Any]:
    """A JSON object with every row; what cannot be said is null."""

    def plain(value: Any) -> Any:
        return None if isinstance(value, float) and not math.isfinite(value) else value

    entries = []
    for row in rows:
        entry = asdict(row)
        noise = entry.pop("noise")
        entries.append({name: plain(value) for name, value in {**noise, **entry}.items()})
    return {"schema": 1, "kind": "drawbench-comparison-plan", "rows": entries}


def plan_text(rows: Sequence[PlanRow]) -> str:
    """The plan for people."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    columns = (
        "metric",
        "category",
        "value",
        "margin",
        "found 80%",
        "found 95%",
        "prompts",
        "to pass",
        "error from",
    )
    for name in columns:
        table.add_column(name, justify="left" if name in ("metric", "category", "error from") else "right")
    for row in rows:
        noise = row.noise
        table.add_row(
            noise.metric,
            "all" if noise.category is None else noise.category or "no category",
            number(noise.value),
            number(noise.margin),
            number(row.detectable_80),
            number(row.detectable_95),
            str(noise.prompts),
            "n/a" if row.prompts_to_pass is None else f"{row.prompts_to_pass:,}",
            noise.source,
        )
    buffer = io.StringIO()
    Console(file=buffer, width=WIDTH, markup=False, highlight=False).print(table)
    lines = [line.rstrip() for line in buffer.getvalue().splitlines()]
    lines.append(
        "found 80%, 95%: the true loss, in the metric's unit, that a comparison over these prompts calls a "
        f"regression 80 and 95 times in 100, with Holm's correction over {len(rows)} rows"
    )
    lines.append("to pass: the number of prompts at which an equal candidate passes 8 times in 10")
    return "\n".join(lines)


def _noise(
    score: Score,
    category: str | None,
    value: float,
    places: Sequence[Place],
    found: tuple[float, str],
    compared: Sequence[dict[tuple[str, str | None], Evidence]],
    margin: float,
    bounds: tuple[float, float] | None,
    degrees: float | None = None,
) -> Noise:
    prompts = len({prompt_id for prompt_id, _ in places})
    error, source = found
    same = [rows[score.metric, category] for rows in compared if (score.metric, category) in rows]
    errors = [one.error for one in same if math.isfinite(one.error) and one.error > 0]
    if errors:
        error = math.sqrt(float(np.mean(np.square(errors))))
        source = _FROM_REPEATS.format(len(errors))
    return Noise(
        score.metric,
        category,
        score.direction,
        value,
        len(places),
        prompts,
        error,
        prompts - 1.0 if degrees is None else degrees,
        source,
        margin,
        bounds,
    )


def _failures(side: Opened, options: CompareOptions) -> Noise:
    failed = np.array([float(sample.status != "ok") for sample in side.view.samples])
    prompts = [sample.prompt_id for sample in side.view.samples]
    mean = float(failed.mean())
    error, source = unpaired_error(failed, prompts, (0.0, 1.0))
    margin = margin_of(FAILURES_METRIC, options.margins).at(mean)
    count = len(set(prompts))
    return Noise(
        FAILURES_METRIC,
        None,
        "lower",
        mean,
        failed.size,
        count,
        error,
        count - 1.0,
        source,
        margin,
        (0.0, 1.0),
    )


def _against_repeat(
    side: Opened, repeat: Opened, chosen: Chosen, options: CompareOptions
) -> dict[tuple[str, str | None], Evidence]:
    pairing: Pairing = pair_samples(side.view, repeat.view, other_seeds=True)
    found, _, _ = gather(side, repeat, (), pairing, chosen, options)
    return {(one.metric, one.category): one for one in found}


def _bounds(metric: str) -> tuple[float, float] | None:
    try:
        return find_metric(metric).bounds
    except InputError:  # another package's metric, which is not here any more
        return None
