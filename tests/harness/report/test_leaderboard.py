from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pair_of_runs import make_scored, score

from drawbench.errors import InputError
from harness.options import ScoreOptions
from harness.report.findings import find
from harness.report.forest import sentence
from harness.report.leaderboard import rank_ranges

MakeRun = Callable[..., Path]
LETTERS = "ABCDE"
PAIRS = [(a, b) for place, a in enumerate(LETTERS) for b in LETTERS[place + 1 :]]


@given(st.lists(st.sampled_from([True, False, None, "untested"]), min_size=len(PAIRS), max_size=len(PAIRS)))
def test_ranks_follow_from_the_tests_alone(outcomes: list[bool | str | None]) -> None:
    beats = {pair: said for pair, said in zip(PAIRS, outcomes, strict=True) if not isinstance(said, str)}
    ranks = rank_ranges(LETTERS, beats)
    turned = {(b, a): None if said is None else not said for (a, b), said in beats.items()}
    assert rank_ranges(LETTERS, turned) == ranks
    for one, (first, last, tied, untested) in ranks.items():
        assert 1 <= first <= last <= len(LETTERS)
        assert last - first == len(tied)
        assert set(untested) <= set(tied)
        assert one not in tied
        for other in tied:
            assert one in ranks[other][2]
    if all(said is True for said in outcomes):
        assert [ranks[letter][:2] for letter in LETTERS] == [(n, n) for n in range(1, 6)]
    if all(said is None or isinstance(said, str) for said in outcomes):
        assert {r[:2] for r in ranks.values()} == {(1, 5)}


def test_overlapping_intervals_are_no_tie_where_the_pairs_tell_runs_apart(make_run: MakeRun) -> None:
    # Every picture is 0.02 better, far below the width of the runs' own intervals. A sign-flip test at 5%
    # needs more than five prompts.
    texts = {"Colours": [f"prompt {n}" for n in range(12)]}
    places = [(f"p{n:03d}", i) for n in range(12) for i in (0, 1)]
    runs = []
    for name, shift in (("a", 0.0), ("b", 0.02), ("c", 0.02)):
        values = {
            (p, i): 0.4 + 0.03 * int(p[1:]) + shift + 0.001 * (i if name == "c" else 0) for p, i in places
        }
        mean = sum(values.values()) / len(values)
        runs.append(
            make_scored(
                make_run, name, 0, values=values, scores=[score(mean)], settings={"name": name}, texts=texts
            )
        )
    findings = find(runs)
    (board,) = findings.boards
    ranks = {s.entry.letter: (s.rank, s.tied) for s in board.standings}
    assert ranks["A"] == ("3", ())
    assert board.standings[-1].entry.letter == "A"
    assert board.leaders == ("B", "C") or board.leaders == ("C",)
    low, high = board.standings[0].score.low, board.standings[-1].score.high
    assert low < high, "the intervals overlap all the same"


def test_scores_of_unequal_identity_stand_on_boards_of_their_own(make_run: MakeRun) -> None:
    a = make_scored(make_run, "a", 0)
    b = make_scored(make_run, "b", 0.1, scores=[score(0.7, identity="align_conse[other|k=50|png]")])
    findings = find([a, b])
    assert [[s.entry.letter for s in board.standings] for board in findings.boards] == [["A"], ["B"]]
    ((metric, why),) = findings.pairs[0].skipped
    assert metric == "align_conse"
    assert "its identity has 'lite0' in A and 'other' in B" in why
    assert sentence(findings.pairs[0]) == "B and A share no metric that could be compared."


def test_runs_of_other_seeds_are_not_tested_and_tied(make_run: MakeRun) -> None:
    findings = find([make_scored(make_run, "a", 0), make_scored(make_run, "b", 0.3, seed=8)])
    assert "run_seed" in findings.pairs[0].reason
    (board,) = findings.boards
    assert [(s.rank, s.untested) for s in board.standings] == [("1 to 2", ("A",)), ("1 to 2", ("B",))]


def test_chosen_metrics_are_the_only_ones(make_run: MakeRun) -> None:
    scores = [score(0.6), score(0.3, metric="other", identity="other[x]")]
    runs = [make_scored(make_run, name, 0, scores=scores, settings={"x": name}) for name in "ab"]
    findings = find(runs, ScoreOptions(metrics=("align_conse",)))
    assert [board.metric for board in findings.boards] == ["align_conse"]
    assert [row.metric for row in findings.pairs[0].overall] == ["align_conse"]
    with pytest.raises(InputError, match="no run is scored by absent; there are align_conse, other"):
        find(runs, ScoreOptions(metrics=("absent",)))


def test_lower_is_better_turns_the_order(make_run: MakeRun) -> None:
    scores = [score(0.6, direction="lower")], [score(0.4, direction="lower")]
    findings = find([make_scored(make_run, name, 0, scores=s) for name, s in zip("ab", scores, strict=True)])
    assert [s.score.value for s in findings.boards[0].standings] == [0.4, 0.6]


@pytest.mark.parametrize("letters", ["", "A"])
def test_none_and_one(letters: str) -> None:
    assert rank_ranges(letters, {}) == dict.fromkeys(letters, (1, 1, (), ()))
