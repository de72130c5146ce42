"""What a report says, before it is written as a page, a comment or a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from drawbench.errors import InputError
from harness.options import ScoreOptions
from harness.progress import NoProgress, Progress
from harness.report.categories import CategoryTable, category_tables
from harness.report.changes import Change, changes, worst_and_best
from harness.report.leaderboard import Board, leaderboards
from harness.report.lineup import Lineup
from harness.report.paired import Pair, all_pairs
from harness.run_view import RunView
from harness.types import Direction


@dataclass(frozen=True)
class Findings:
    """The runs, every pair of them, a board a metric, tables by category, and the greatest changes A to B."""

    lineup: Lineup
    pairs: tuple[Pair, ...]
    boards: tuple[Board, ...]
    tables: tuple[CategoryTable, ...]
    changed: Changed | None

    @property
    def with_first(self) -> tuple[Pair, ...]:
        """The pairs of which the first run is one."""
        return tuple(pair for pair in self.pairs if pair.a is self.lineup.entries[0])


@dataclass(frozen=True)
class Changed:
    """The prompts that changed most between the first two runs, by the first metric that says so."""

    pair: Pair
    metric: str
    direction: Direction
    worse: tuple[Change, ...]
    better: tuple[Change, ...]
    compared: int


def find(
    runs: Sequence[RunView], options: ScoreOptions | None = None, progress: Progress | None = None
) -> Findings:
    """Everything that runs say about each other.

    `options` chooses metrics, and their weights where whole sets are compared again. Raises InputError where
    the runs make no line-up or none is scored by a chosen metric, NotComparable where they are of different
    benches.
    """
    options = options or ScoreOptions()
    lineup = Lineup.of(runs if options.metrics is None else _scored_by(runs, options.metrics))
    pairs = all_pairs(lineup, options, progress or NoProgress())
    return Findings(
        lineup,
        pairs,
        leaderboards(lineup, pairs),
        tuple(category_tables(lineup)),
        _changed(pairs[0]) if pairs else None,
    )


def _scored_by(runs: Sequence[RunView], metrics: Sequence[str]) -> list[RunView]:
    """The runs with the scores of these metrics alone."""
    for name in metrics:
        if not any(score.metric == name for run in runs for score in run.scores):
            known = ", ".join(dict.fromkeys(score.metric for run in runs for score in run.scores)) or "none"
            raise InputError(f"no run is scored by {name}; there are {known}")
    return [replace(run, scores=tuple(s for s in run.scores if s.metric in metrics)) for run in runs]


def _changed(pair: Pair) -> Changed | None:
    for row in pair.overall:
        listed = changes(pair, row.metric, row.direction)
        if listed:
            worse, better = worst_and_best(listed, row.direction)
            return Changed(pair, row.metric, row.direction, tuple(worse), tuple(better), len(listed))
    return None
