"""Which prompts changed most between two runs, by one metric."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.report.paired import Pair
from harness.run_view import RunView
from harness.types import Direction

SHOWN = 5


@dataclass(frozen=True)
class Change:
    """A prompt's means over the samples that both runs have, and why the worst of B's pictures scored so."""

    prompt_id: str
    text: str
    category: str
    a: float
    b: float
    samples: int
    reason: str
    picture_a: str | None
    picture_b: str | None

    @property
    def difference(self) -> float:
        """B minus A, in the metric's unit."""
        return self.b - self.a


def changes(pair: Pair, metric: str, direction: Direction) -> list[Change]:
    """Every prompt of the pair with a value on both sides, the worst change first; no change left out."""
    if pair.pairing is None:
        return []
    by_prompt: dict[str, list[int]] = {}
    for prompt_id, index in pair.pairing.places:
        by_prompt.setdefault(prompt_id, []).append(index)
    prompts = {prompt.id: prompt for prompt in pair.a.run.prompts}
    sign = 1 if direction == "higher" else -1
    paths_a, paths_b = _paths(pair.a.run), _paths(pair.b.run)
    found = []
    for prompt_id, indices in by_prompt.items():
        of_a, of_b = ({i: _value(e.run, prompt_id, i, metric) for i in indices} for e in (pair.a, pair.b))
        values = [(i, of_a[i], of_b[i]) for i in indices if not math.isnan(of_a[i] + of_b[i])]
        if not values:
            continue
        worst = min(values, key=lambda v: sign * (v[2] - v[1]))[0]
        found.append(
            Change(
                prompt_id,
                prompts[prompt_id].text,
                prompts[prompt_id].category,
                sum(a for _, a, _ in values) / len(values),
                sum(b for _, _, b in values) / len(values),
                len(values),
                pair.b.run.reasons.get((prompt_id, worst), {}).get(metric, ""),
                paths_a.get((prompt_id, worst)),
                paths_b.get((prompt_id, worst)),
            )
        )
    return sorted(found, key=lambda change: sign * change.difference)


def worst_and_best(listed: Sequence[Change], direction: Direction) -> tuple[list[Change], list[Change]]:
    """The first and the last of a list of changes, those that are none left out."""
    sign = 1 if direction == "higher" else -1
    worse = [change for change in listed if sign * change.difference < 0][:SHOWN]
    better = [change for change in reversed(listed) if sign * change.difference > 0][:SHOWN]
    return worse, better


def _value(run: RunView, prompt_id: str, index: int, metric: str) -> float:
    return run.per_sample.get((prompt_id, index), {}).get(metric, math.nan)


def _paths(run: RunView) -> dict[tuple[str, int], str]:
    """Where each picture lies within its run folder."""
    paths = (((s.prompt_id, s.index), run.picture_path(s)) for s in run.samples)
    return {place: str(path) for place, path in paths if path is not None}
