"""Leaderboards over runs: one for each bench and metric identity, as only such scores are comparable."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from harness.plots import axis_svg, interval_svg, make_axis
from harness.report.numbers import score_in_words
from harness.results_index.history import Moment, history_svg
from harness.results_index.scan import Listed, common_settings
from harness.types import Direction, Score


@dataclass(frozen=True)
class Line:
    """A run's place on a board. `said` is what sets it apart from the bench's other runs."""

    run: Listed
    score: Score
    said: str
    plot: str


@dataclass(frozen=True)
class Board:
    """The runs with one metric of one identity on one bench, the best first; `history` is an SVG or ""."""

    bench: str
    bench_key: str
    metric: str
    identity: str
    direction: Direction
    lines: tuple[Line, ...]
    axis: str
    history: str


def bench_key(run: Listed) -> str:
    """What names a bench exactly."""
    return f"{run.bench} {run.bench_version} {run.bench_digest[:8]}"


def boards(runs: Sequence[Listed]) -> list[Board]:
    """Every board, bench by bench, in the order in which runs and summaries name them."""
    said = descriptions(runs)
    found: dict[tuple[str, str, str], list[tuple[Listed, Score]]] = {}
    for run in runs:
        for score in run.scores:
            found.setdefault((bench_key(run), score.metric, score.identity), []).append((run, score))
    order = {key: place for place, key in enumerate(dict.fromkeys(bench_key(run) for run in runs))}
    return [
        _board(key, scored, said)
        for (key, _, _), scored in sorted(found.items(), key=lambda item: order[item[0][0]])
    ]


def descriptions(runs: Sequence[Listed]) -> dict[str, str]:
    """Folder -> model, with the settings and the seed in which its runs on a bench differ."""
    told = {}
    for run in runs:
        alike = [r for r in runs if (r.model, bench_key(r)) == (run.model, bench_key(run))]
        shared = common_settings(alike)
        parts = [f"{key} {value}" for key, value in run.settings if (key, value) not in shared]
        if len({r.seed for r in alike}) > 1:
            parts.append(f"seed {run.seed}")
        told[run.folder] = ", ".join([run.model, *parts])
    return told


def _board(key: str, scored: Sequence[tuple[Listed, Score]], said: dict[str, str]) -> Board:
    example = scored[0][1]
    sign = -1 if example.direction == "higher" else 1
    ranked = sorted(scored, key=lambda pair: (not math.isfinite(pair[1].value), sign * pair[1].value))
    ends = [v for _, s in scored for v in (s.low, s.value, s.high) if math.isfinite(v)]
    axis = make_axis(ends) if ends else None
    lines = tuple(
        Line(
            run,
            score,
            said[run.folder],
            ""
            if axis is None
            else interval_svg(
                score.value,
                score.low,
                score.high,
                axis,
                overall=math.nan,
                label=score_in_words(score),
            ),
        )
        for run, score in ranked
    )
    return Board(
        bench=scored[0][0].bench,
        bench_key=key,
        metric=example.metric,
        identity=example.identity,
        direction=example.direction,
        lines=lines,
        axis=axis_svg(axis) if axis else "",
        history=_history(scored, said),
    )


def _history(scored: Sequence[tuple[Listed, Score]], said: dict[str, str]) -> str:
    """The scores over time, runs of one description joined by a line; "" where there is only one time."""
    moments = []
    for run, score in scored:
        when = _when(run.created)
        if when is not None and math.isfinite(score.value):
            moments.append(Moment(when, score.value, score.low, score.high, said[run.folder], run.commit[:8]))
    if len({moment.when for moment in moments}) < 2:
        return ""
    return history_svg(moments, f"{scored[0][1].metric} over time, {len(moments)} runs")


def _when(created: str) -> datetime | None:
    try:
        when = datetime.fromisoformat(created)
    except ValueError:
        return None
    return when if when.tzinfo is not None else None
