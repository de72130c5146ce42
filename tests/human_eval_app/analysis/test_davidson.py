"""Davidson's model against evalica, against a plain optimiser, and on counts without a ranking."""

from __future__ import annotations

import math

import evalica
import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from simulated_ratings import simulated_frame, study_design

from human_eval_app.analysis.answers import answers_that_count, sorted_answers
from human_eval_app.analysis.davidson import fit_davidson, rankings, refusal

MODELS = ["a", "b", "c", "d"]


def random_counts(seed: int, ties: bool) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    wins = rng.integers(4, 40, (4, 4)).astype(float)
    np.fill_diagonal(wins, 0)
    even = np.triu(rng.integers(2, 20, (4, 4)), 1).astype(float) * ties
    return wins, even + even.T


def votes(wins: np.ndarray, ties: np.ndarray) -> tuple[list[str], list[str], list[evalica.Winner]]:
    rows: list[tuple[str, str, evalica.Winner]] = []
    for i, one in enumerate(MODELS):
        for j, other in enumerate(MODELS):
            rows += [(one, other, evalica.Winner.X)] * int(wins[i, j])
            if i < j:
                rows += [(one, other, evalica.Winner.Draw)] * int(ties[i, j])
    left, right, winners = zip(*rows, strict=True)
    return list(left), list(right), list(winners)


@pytest.mark.parametrize("seed", range(4))
def test_without_ties_it_is_evalicas_bradley_terry(seed: int) -> None:
    wins, ties = random_counts(seed, ties=False)
    fit = fit_davidson(wins, ties)
    scores = evalica.bradley_terry(*votes(wins, ties), tolerance=1e-12, limit=10_000).scores
    expected = np.log(scores[MODELS].to_numpy())
    assert fit.converged
    assert fit.nu == 0
    np.testing.assert_allclose(fit.strengths, expected - expected.mean(), atol=2e-4)


@pytest.mark.parametrize("seed", range(3))
def test_with_ties_it_is_the_maximum_of_davidsons_likelihood(seed: int) -> None:
    wins, ties = random_counts(seed, ties=True)

    def loss(theta: np.ndarray) -> float:
        s, nu = np.append(theta[:3], -theta[:3].sum()), math.exp(theta[3])
        total = 0.0
        for i in range(4):
            for j in range(i + 1, 4):
                a, b, even = math.exp(s[i]), math.exp(s[j]), nu * math.exp((s[i] + s[j]) / 2)
                whole = math.log(a + b + even)
                total -= wins[i, j] * (s[i] - whole) + wins[j, i] * (s[j] - whole)
                total -= ties[i, j] * (math.log(even) - whole)
        return total

    best = minimize(
        loss, np.zeros(4), method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-9, "maxiter": 9999}
    )
    fit = fit_davidson(wins, ties)
    np.testing.assert_allclose(fit.strengths[:3], best.x[:3], atol=1e-4)
    assert fit.nu == pytest.approx(math.exp(best.x[3]), rel=1e-3)


def test_the_order_is_evalicas_newmans_too() -> None:
    wins, ties = random_counts(7, ties=True)
    wins[0] += 30
    wins[:, 3] += 30
    np.fill_diagonal(wins, 0)
    scores = evalica.newman(*votes(wins, ties)).scores.sort_values(ascending=False)
    fit = fit_davidson(wins, ties)
    assert [MODELS[n] for n in np.argsort(-fit.strengths)] == list(scores.index)


def test_counts_without_a_ranking_say_why() -> None:
    wins, ties = random_counts(1, ties=False)
    assert refusal(wins, ties, MODELS) == ""
    assert "fewer than 30" in refusal(wins * 0.01, ties, MODELS)
    unbeaten = wins.copy()
    unbeaten[:, 2] = 0
    assert refusal(unbeaten * 10, ties, MODELS).startswith("c never lost")
    winless = wins.copy()
    winless[1] = 0
    assert refusal(winless * 10, ties, MODELS).startswith("b never won")
    apart = wins.copy()
    apart[:2, 2:] = apart[2:, :2] = 0
    assert "never compared" in refusal(apart * 10, ties, MODELS)
    apart[:2, 2:] = 5
    assert "won every comparison" in refusal(apart * 10, ties, MODELS)


def test_a_study_of_three_models_is_ranked_with_intervals() -> None:
    design = study_design(categories={"x": 20, "y": 20}, models=("best", "middle", "worst"), controls=0)
    frame = simulated_frame(design, raters=12, per_prompt=6, lead=0.8, seed=4)
    answers = answers_that_count(sorted_answers(frame, ("best", "middle", "worst")))
    found = rankings(answers, resamples=60)
    assert [ranking.question for ranking in found] == ["quality", "text"]
    for ranking in found:
        assert ranking.refused == ""
        assert [s.model for s in ranking.strengths] == ["best", "middle", "worst"]
        assert sum(s.value for s in ranking.strengths) == pytest.approx(0, abs=1e-6)
        assert all(s.low < s.value < s.high for s in ranking.strengths)
        assert sum(s.wins for s in ranking.strengths) == sum(s.losses for s in ranking.strengths)
        assert ranking.nu > 0
    again = rankings(answers, resamples=60)
    assert repr(found) == repr(again)


def test_two_models_are_not_ranked() -> None:
    answers = answers_that_count(sorted_answers(simulated_frame(study_design(), raters=6, per_prompt=3)))
    assert rankings(answers) == []
    assert isinstance(answers.table, pd.DataFrame)
