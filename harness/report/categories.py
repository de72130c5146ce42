"""Every metric by category, all runs of a report on one axis."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from harness.plots import Bar, axis_svg, intervals_svg, make_axis
from harness.report.lineup import Lineup
from harness.report.numbers import score_in_words
from harness.types import Direction, Score


@dataclass(frozen=True)
class CategoryRow:
    """One line: each run's score by letter, those that have none left out; `plot` is an SVG."""

    name: str
    scores: tuple[tuple[str, Score], ...]
    plot: str
    whole: bool


@dataclass(frozen=True)
class CategoryTable:
    """A metric's scores by category on one axis, the whole bench last."""

    metric: str
    identity: str
    direction: Direction
    axis: str
    rows: tuple[CategoryRow, ...]
    letters: tuple[str, ...]


def category_tables(lineup: Lineup) -> Iterator[CategoryTable]:
    """A table for every metric and identity that has scores by category."""
    kinds = {(s.metric, s.identity): s for run in lineup.runs for s in run.scores if s.category is None}
    order = list(dict.fromkeys(prompt.category for prompt in lineup.prompts))
    for (metric, identity), example in kinds.items():
        by_name: dict[str | None, list[tuple[str, Score]]] = {}
        for entry in lineup.entries:
            for score in entry.run.scores:
                if (score.metric, score.identity) == (metric, identity):
                    by_name.setdefault(score.category, []).append((entry.letter, score))
        if len(by_name) < 2:
            continue
        shown = [s for scores in by_name.values() for _, s in scores]
        ends = [v for s in shown for v in (s.low, s.value, s.high) if math.isfinite(v)]
        if not ends:
            continue
        axis = make_axis(ends)
        names = [name for name in order if name in by_name]
        names += [name for name in by_name if name is not None and name not in names]
        alone = len(lineup) == 1
        overall = by_name[None][0][1].value if alone else math.nan
        rows = []
        for name in [*names, None]:
            scores = by_name[name]
            bars = [Bar(s.value, s.low, s.high, "" if alone else letter) for letter, s in scores]
            rows.append(
                CategoryRow(
                    name="All" if name is None else name or "No category",
                    scores=tuple(scores),
                    plot=intervals_svg(bars, axis, overall=overall, label=_spoken(scores, alone)),
                    whole=name is None,
                )
            )
        letters = tuple(letter for letter, _ in by_name[None])
        yield CategoryTable(metric, identity, example.direction, axis_svg(axis), tuple(rows), letters)


def _spoken(scores: list[tuple[str, Score]], alone: bool) -> str:
    return "; ".join(f"{'' if alone else letter + ' '}{score_in_words(score)}" for letter, score in scores)
