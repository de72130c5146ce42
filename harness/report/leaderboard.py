"""Runs in order of each metric, with the ranks that paired tests leave open.

Only scores of one identity stand in one table. A run's rank is a range: at least one more than the number of
runs that are significantly better, at most the number of runs that are not significantly worse. Runs of which
no test says which is better are tied, whatever their intervals look like side by side.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.plots import axis_svg, interval_svg, make_axis
from harness.report.lineup import Entry, Lineup
from harness.report.numbers import score_in_words
from harness.report.paired import Pair, verdict
from harness.types import Direction, Score


@dataclass(frozen=True)
class Standing:
    """A run's place: ranks `first` to `last`, the letters it is `tied` with, and of those the `untested`."""

    entry: Entry
    score: Score
    first: int
    last: int
    tied: tuple[str, ...]
    untested: tuple[str, ...]
    plot: str = ""

    @property
    def rank(self) -> str:
        """ "1", or "1 to 3" where tests leave it open."""
        return str(self.first) if self.first == self.last else f"{self.first} to {self.last}"


@dataclass(frozen=True)
class Board:
    """One metric of one identity, the best run first. `axis` labels the plots' common axis."""

    metric: str
    identity: str
    direction: Direction
    standings: tuple[Standing, ...]
    axis: str

    @property
    def leaders(self) -> tuple[str, ...]:
        """The letters of all runs that may be the best."""
        return tuple(sorted(s.entry.letter for s in self.standings if s.first == 1))


def leaderboards(lineup: Lineup, pairs: Sequence[Pair]) -> tuple[Board, ...]:
    """A board for every metric and identity, in the order of the runs' summaries."""
    found: dict[tuple[str, str], list[tuple[Entry, Score]]] = {}
    for entry in lineup.entries:
        for score in entry.run.scores:
            if score.category is None:
                found.setdefault((score.metric, score.identity), []).append((entry, score))
    return tuple(_board(scored, pairs) for scored in found.values())


def rank_ranges(
    letters: Sequence[str], beats: Mapping[tuple[str, str], bool | None]
) -> dict[str, tuple[int, int, tuple[str, ...], tuple[str, ...]]]:
    """Letter -> (first rank, last rank, tied with, of those untested).

    `beats[x, y]` is True where x is significantly better than y, False where y is, None where neither is
    shown; a pair that is absent in both orders was not tested.
    """
    found = {}
    for one in letters:
        better, worse, tied, untested = 0, 0, [], []
        for other in letters:
            if other == one:
                continue
            tested = (one, other) in beats or (other, one) in beats
            ahead = beats.get((one, other))
            if ahead is None and (behind := beats.get((other, one))) is not None:
                ahead = not behind
            if ahead is None:
                tied.append(other)
                if not tested:
                    untested.append(other)
            elif ahead:
                worse += 1
            else:
                better += 1
        found[one] = (1 + better, len(letters) - worse, tuple(tied), tuple(untested))
    return found


def _board(scored: Sequence[tuple[Entry, Score]], pairs: Iterable[Pair]) -> Board:
    example = scored[0][1]
    letters = [entry.letter for entry, _ in scored]
    beats: dict[tuple[str, str], bool | None] = {}
    for pair in pairs:
        for row in pair.overall:
            if row.metric == example.metric and {pair.a.letter, pair.b.letter} <= set(letters):
                said = verdict(row)
                beats[pair.b.letter, pair.a.letter] = None if said == "tied" else said == "better"
    ranks = rank_ranges(letters, beats)
    finite = [v for _, s in scored for v in (s.low, s.value, s.high) if math.isfinite(v)]
    axis = make_axis(finite, ticks=3) if finite else None
    standings = [
        Standing(
            entry,
            score,
            *ranks[entry.letter],
            plot=""
            if axis is None
            else interval_svg(
                score.value,
                score.low,
                score.high,
                axis,
                overall=math.nan,
                label=score_in_words(score),
                mark=entry.letter,
            ),
        )
        for entry, score in scored
    ]
    sign = -1 if example.direction == "higher" else 1
    standings.sort(key=lambda s: (not math.isfinite(s.score.value), sign * s.score.value, s.entry.letter))
    return Board(
        example.metric, example.identity, example.direction, tuple(standings), axis_svg(axis) if axis else ""
    )
