"""Three or more models on one scale: Bradley and Terry's model with Davidson's (1970) ties.

With strengths exp(s): P(i over j) = exp(s_i) / D, P(tie) = nu exp((s_i + s_j) / 2) / D, where D is the sum of
exp(s_i), exp(s_j) and nu exp((s_i + s_j) / 2). A tie is an answer of its own, not half a win. Fitted by
penalised likelihood (a ridge small enough to shift no digit that is shown), with a percentile bootstrap over
prompts and raters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from human_eval_app.analysis.answers import ALIGNMENT, Answers
from human_eval_app.analysis.layout import Numbers

if TYPE_CHECKING:
    import pandas as pd

RIDGE = 1e-6
LEAST_ANSWERS = 30


@dataclass(frozen=True, slots=True)
class Strength:
    """A model's strength `value` (natural logarithm, mean 0 over models) with its interval.

    `wins`, `ties` and `losses` are answers; `against_mean` is the probability, 0..1, to be preferred over a
    model of mean strength, a tie counting half.
    """

    model: str
    value: float
    low: float
    high: float
    wins: int
    ties: int
    losses: int
    against_mean: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """One question's strengths, strongest first, or in `refused` why there are none.

    `nu` is Davidson's tie parameter: between equals, a tie has the probability nu / (2 + nu).
    """

    question: str
    strengths: tuple[Strength, ...]
    nu: float
    method: str
    refused: str


@dataclass(frozen=True, slots=True)
class Fit:
    """Strengths (models,), mean 0, and nu."""

    strengths: Numbers
    nu: float
    converged: bool


def rankings(answers: Answers, *, resamples: int = 500, seed: int = 0) -> list[Ranking]:
    """A ranking for each question of a study that compares three models or more in pairs; else none."""
    models = sorted({name for pair in answers.pairs for name in pair if name})
    if answers.kind == ALIGNMENT or len(models) < 3:
        return []
    return [
        _ranking(question, answers.table[answers.table["question"] == question], models, resamples, seed)
        for question in answers.questions
    ]


def fit_davidson(wins: Numbers, ties: Numbers, start: Fit | None = None, *, ridge: float = RIDGE) -> Fit:
    """The fit to wins (models, models), [i, j] of i over j, and ties (models, models), symmetric.

    Without any tie nu is 0 and the model is Bradley and Terry's. Counts may be weights. `refusal` says for
    which counts there is no fit.
    """
    models = len(wins)
    with_ties = bool(ties.any())
    share = ties / 2  # each tie stands there twice
    row, column = np.triu_indices(models, 1)
    met = (wins + wins.T + share + share.T)[row, column]
    ahead, behind, even = wins[row, column], wins.T[row, column], (share + share.T)[row, column]

    def loss(theta: Numbers) -> tuple[float, Numbers]:
        s, log_nu = theta[:models], theta[models] if with_ties else -np.inf
        a, b = s[row], s[column]
        tie = log_nu + (a + b) / 2
        largest = np.maximum(a, b)
        parts = np.exp(a - largest), np.exp(b - largest), np.exp(tie - largest)
        total = parts[0] + parts[1] + parts[2]
        log_total = largest + np.log(total)
        value = float((met * log_total - ahead * a - behind * b).sum())
        expected = [met * part / total for part in parts]
        by_a = expected[0] + expected[2] / 2 - ahead - even / 2
        by_b = expected[1] + expected[2] / 2 - behind - even / 2
        slope = np.zeros_like(theta)
        np.add.at(slope, row, by_a)
        np.add.at(slope, column, by_b)
        if with_ties:
            value -= float((even * tie).sum())
            slope[models] = float((expected[2] - even).sum()) + ridge * theta[models]
            value += ridge * float(theta[models]) ** 2 / 2
        slope[:models] += ridge * s
        return value + ridge * float(s @ s) / 2, slope

    first = np.zeros(models + with_ties)
    if start is not None:
        first[:models] = start.strengths
        if with_ties and start.nu > 0:
            first[models] = math.log(start.nu)
    found = minimize(loss, first, jac=True, method="L-BFGS-B", options={"maxiter": 500, "ftol": 1e-13})
    s = found.x[:models] - found.x[:models].mean()
    nu = float(np.exp(found.x[models])) if with_ties else 0.0
    return Fit(s, nu, bool(found.success))


def refusal(wins: Numbers, ties: Numbers, models: list[str]) -> str:
    """Why these counts allow no ranking, "" where they do.

    There is one where every model can be reached from every other by a chain of wins or ties, no model lost
    or won everything, and each has 30 answers.
    """
    answers = (wins + wins.T + ties).sum(1)
    few = [m for m, number in zip(models, answers, strict=True) if number < LEAST_ANSWERS]
    if few:
        return f"fewer than {LEAST_ANSWERS} answers about {', '.join(few)}"
    reached = wins + ties
    parts, _ = connected_components(
        csr_array((reached > 0).astype(np.float64)), directed=True, connection="strong"
    )
    if parts == 1:
        return ""
    weak, _ = connected_components(
        csr_array((reached > 0).astype(np.float64)), directed=True, connection="weak"
    )
    if weak > 1:
        return "the models fall into groups that were never compared with each other"
    unbeaten = [m for m, lost in zip(models, reached.sum(0), strict=True) if lost == 0]
    winless = [m for m, won in zip(models, reached.sum(1), strict=True) if won == 0]
    if unbeaten:
        return f"{', '.join(unbeaten)} never lost: its strength has no upper bound"
    if winless:
        return f"{', '.join(winless)} never won: its strength has no lower bound"
    return "one group of models won every comparison with the others"


def _ranking(question: str, table: pd.DataFrame, models: list[str], resamples: int, seed: int) -> Ranking:
    place = {name: number for number, name in enumerate(models)}
    a = table["model_a"].map(place).to_numpy(dtype=np.intp)
    b = table["model_b"].map(place).to_numpy(dtype=np.intp)
    value = table["value"].to_numpy(dtype=np.float64)
    _, prompt = np.unique(table["prompt_id"].to_numpy(dtype=object), return_inverse=True)
    _, rater = np.unique(table["rater"].to_numpy(), return_inverse=True)

    def counts(weights: Numbers) -> tuple[Numbers, Numbers]:
        size = len(models)
        wins, ties = np.zeros((size, size)), np.zeros((size, size))
        for worth, first, second in ((1.0, a, b), (0.0, b, a)):
            chosen = value == worth
            np.add.at(wins, (first[chosen], second[chosen]), weights[chosen])
        even = value == 0.5
        np.add.at(ties, (a[even], b[even]), weights[even])
        return wins, ties + ties.T

    wins, ties = counts(np.ones(len(table)))
    why = refusal(wins, ties, models)
    if not why:
        fit = fit_davidson(wins, ties)
        why = "" if fit.converged else "the fit did not converge"
    if why:
        return Ranking(question, (), math.nan, "", why)
    rng = np.random.default_rng(seed)
    prompts, raters = int(prompt.max()) + 1, int(rater.max()) + 1
    drawn, lost = [], 0
    for _ in range(resamples):
        u = np.bincount(rng.integers(0, prompts, prompts), minlength=prompts)
        v = np.bincount(rng.integers(0, raters, raters), minlength=raters)
        again = counts((u[prompt] * v[rater]).astype(np.float64))
        other = fit_davidson(*again, fit) if _strong(again[0] + again[1]) else None
        if other is not None and other.converged:
            drawn.append(other.strengths)
        else:
            lost += 1
    ends = np.full((2, len(models)), np.nan)
    method = (
        f"95% two-way bootstrap over {prompts} prompts x {raters} raters, {resamples} resamples, seed {seed}"
    )
    if len(drawn) >= max(1, 0.9 * resamples):
        ends = np.quantile(np.array(drawn), [0.025, 0.975], axis=0)
    else:
        method += f": {lost} of them allow no fit, so no interval"
    if 0 < lost <= 0.1 * resamples:
        method += f", {lost} of them without a fit left out"
    strengths = [
        Strength(
            name,
            float(fit.strengths[n]),
            float(ends[0, n]),
            float(ends[1, n]),
            int(wins[n].sum()),
            int(ties[n].sum()),
            int(wins[:, n].sum()),
            _against_mean(float(fit.strengths[n]), fit.nu),
        )
        for name, n in place.items()
    ]
    strengths.sort(key=lambda strength: (-strength.value, strength.model))
    return Ranking(question, tuple(strengths), fit.nu, f"Davidson 1970; {method}", "")


def _against_mean(strength: float, nu: float) -> float:
    up, even = math.exp(strength / 2), nu
    return (up + even / 2) / (up + 1 / up + even)


def _strong(reached: Numbers) -> bool:
    return bool(
        connected_components(csr_array((reached > 0).astype(np.float64)), directed=True, connection="strong")[
            0
        ]
        == 1
    )
