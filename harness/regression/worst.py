"""The prompts that lost most, for people to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.difference import Pairing, Place
from harness.run_view import RunView
from harness.types import Direction

SHOWN = 3
_MARGINS_AT_MOST = 1000.0


@dataclass(frozen=True, slots=True)
class Change:
    """A metric's value of one sample in the baseline (a) and in the candidate (b); None where it has none.

    `loss` is how much was lost, in margins. The reasons say why a picture has its value, where that is known.
    """

    metric: str
    a: float | None
    b: float | None
    loss: float
    reason_a: str = ""
    reason_b: str = ""


@dataclass(frozen=True, slots=True)
class WorstPrompt:
    """A prompt and the sample of it that lost most. `loss` is the mean over its samples, in margins.

    `failed` is the candidate's failure, "" where there is a picture. `pictures` maps "baseline" and
    "candidate" to the files of the pictures that lie beside an output, once they were written.
    """

    prompt_id: str
    index: int
    text: str
    category: str
    loss: float
    changes: tuple[Change, ...]
    failed: str = ""
    pictures: Mapping[str, str] = field(default_factory=dict)


def worst_prompts(
    a: RunView,
    b: RunView,
    pairing: Pairing,
    metrics: Mapping[str, tuple[Direction, float]],
    first: Sequence[str] = (),
    shown: int = SHOWN,
) -> tuple[WorstPrompt, ...]:
    """The `shown` prompts that lost most by the mean over `metrics` (direction, margin) of loss over margin.

    Metrics named in `first`, those that regressed, count before the others, which break ties; so does the
    bench's order at last. A sample that the baseline has and the candidate failed to draw comes before all.
    Prompts that lost nothing are not shown.
    """
    losses: dict[Place, tuple[float, float, tuple[Change, ...]]] = {}
    for place in pairing.places:
        changes = tuple(_changes(a, b, place, metrics))
        known = [c for c in changes if c.a is not None and c.b is not None]
        main = [c.loss for c in known if c.metric in first] if first else [c.loss for c in known]
        if known:
            every = _mean([c.loss for c in known])
            losses[place] = (_mean(main), every, changes)
    failures = _lost_pictures(a, b)
    order = {prompt.id: number for number, prompt in enumerate(a.prompts)}
    found: list[tuple[tuple[float, float, float, int], WorstPrompt]] = []
    for prompt in a.prompts:
        mine = [(place, loss) for place, loss in losses.items() if place[0] == prompt.id]
        failed = [place for place in failures if place[0] == prompt.id]
        if not mine and not failed:
            continue
        mean = _mean([loss[0] for _, loss in mine]), _mean([loss[1] for _, loss in mine])
        if failed:
            place, why, changes = failed[0], failures[failed[0]], ()
        elif mean[0] > 0 or (mean[0] == 0 and mean[1] > 0):
            place, (_, _, changes) = max(mine, key=lambda entry: entry[1][:2])
            why = ""
        else:
            continue
        rank = (-float(len(failed)), -mean[0], -mean[1], order[prompt.id])
        found.append(
            (rank, WorstPrompt(prompt.id, place[1], prompt.text, prompt.category, mean[0], changes, why))
        )
    found.sort(key=lambda entry: entry[0])
    return tuple(worst for _, worst in found[:shown])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _changes(
    a: RunView, b: RunView, place: Place, metrics: Mapping[str, tuple[Direction, float]]
) -> Sequence[Change]:
    changes = []
    for metric, (direction, margin) in metrics.items():
        before, after = (run.per_sample.get(place, {}).get(metric) for run in (a, b))
        if before is None and after is None:
            continue
        loss = 0.0
        if before is not None and after is not None:
            lost = before - after if direction == "higher" else after - before
            unit = margin if margin > 0 else max(abs(before), abs(after), 1e-12)
            loss = max(-_MARGINS_AT_MOST, min(_MARGINS_AT_MOST, lost / unit))
        reason_a, reason_b = (run.reasons.get(place, {}).get(metric, "") for run in (a, b))
        changes.append(Change(metric, before, after, loss, reason_a, reason_b))
    return changes


def _lost_pictures(a: RunView, b: RunView) -> dict[Place, str]:
    """The samples that the baseline has a picture of and the candidate failed to draw, and why it did."""
    made = {(s.prompt_id, s.index) for s in a.samples if s.status == "ok"}
    return {
        (s.prompt_id, s.index): f"{s.status}: {s.reason}" if s.reason else s.status
        for s in b.samples
        if s.status != "ok" and (s.prompt_id, s.index) in made
    }
