"""What a report says, before it is written as a page, a comment or a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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

    `options` chooses metrics and their weights where whole sets are compared again. Raises InputError where
    the runs make no line-up, NotComparable where they are of different benches.
    """
    lineup = Lineup.of(runs)
    pairs = all_pairs(lineup, options or ScoreOptions(), progress or NoProgress())
    return Findings(
        lineup,
        pairs,
        leaderboards(lineup, pairs),
        tuple(category_tables(lineup)),
        _changed(pairs[0]) if pairs else None,
    )


def _changed(pair: Pair) -> Changed | None:
    for row in pair.overall:
        listed = changes(pair, row.metric, row.direction)
        if listed:
            worse, better = worst_and_best(listed, row.direction)
            return Changed(pair, row.metric, row.direction, tuple(worse), tuple(better), len(listed))
    return None
