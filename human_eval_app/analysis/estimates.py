"""What a study estimates: shares, preference rates, alignment scores and their differences, with intervals.

Pairs (realism, side by side), for model a against model b, in percent of answers:
  wins, ties, losses; preference = wins + ties / 2 (50: as good); net = wins - losses (0: none ahead).
Alignment, in the paper's points (yes 100, somewhat 50, no 0):
  score of each model; difference of two models, over the prompts that were rated for both; and the shares.

Each is given for every category, as the mean over categories ("macro": each category counts the same, in it
each prompt, for a prompt the mean of its ratings) and over all ratings alike ("pooled", as the paper does).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np

from harness.stats import detectable_effect
from human_eval_app.analysis.answers import ALIGNMENT, REFERENCE, Answers
from human_eval_app.analysis.bounded import ends_of
from human_eval_app.analysis.crossed import contrast_estimate, fit_residuals
from human_eval_app.analysis.layout import (
    Contrast,
    Layout,
    Numbers,
    category_contrast,
    macro_contrast,
    pooled_contrast,
)
from human_eval_app.analysis.resampling import two_way_replicates

if TYPE_CHECKING:
    import pandas as pd

Scope = Literal["category", "macro", "pooled"]
POWER = 0.8
NO_CATEGORY = "no category"


@dataclass(frozen=True, slots=True)
class Row:
    """One estimate with its 95% interval; all values in percent or points of 100.

    `beside_*` is the interval of the method that was not chosen. `p` is of the null value (NaN where there
    is none), by the method of the interval; `detectable` is the true difference from the null that such a
    study finds four times in five. `degrees` are of the standard error `error`.
    """

    question: str
    model_a: str
    model_b: str
    quantity: str
    scope: Scope
    category: str
    value: float
    low: float
    high: float
    method: str
    beside_low: float
    beside_high: float
    beside_method: str
    error: float
    degrees: float
    null: float
    p: float
    detectable: float
    ratings: int
    prompts: int
    raters: int


@dataclass(frozen=True, slots=True)
class _Quantity:
    name: str
    columns: tuple[float, float, float]  # of the first, the middle and the last answer, in percent
    bounds: tuple[float, float]
    null: float = float("nan")


PAIR_QUANTITIES = (
    _Quantity("wins", (100, 0, 0), (0, 100)),
    _Quantity("ties", (0, 100, 0), (0, 100)),
    _Quantity("losses", (0, 0, 100), (0, 100)),
    _Quantity("preference", (100, 50, 0), (0, 100), 50),
    _Quantity("net", (100, 0, -100), (-100, 100), 0),
)
SCORE_QUANTITIES = (
    _Quantity("yes", (100, 0, 0), (0, 100)),
    _Quantity("somewhat", (0, 100, 0), (0, 100)),
    _Quantity("no", (0, 0, 100), (0, 100)),
    _Quantity("score", (100, 50, 0), (0, 100)),
)
DIFFERENCE = (_Quantity("difference", (100, 50, 0), (-100, 100), 0),)
PRIMARY = {"realism": "preference", "alignment": "difference", "side_by_side": "net"}
CODES = {"a": 0, "indifferent": 1, "b": 2, "yes": 0, "somewhat": 1, "no": 2}


@dataclass(frozen=True)
class Part:
    """Answers to one question about one pair of models (or one model: `model_b` ""), laid out.

    `answers` (n, 3) tells which of the three answers each is; `arms` are the arms' coefficients, (1,) or
    (1, -1) for a difference.
    """

    question: str
    model_a: str
    model_b: str
    layout: Layout
    answers: Numbers
    arms: tuple[float, ...]
    quantities: tuple[_Quantity, ...]
    prompt_ids: tuple[str, ...]


def estimate_rows(
    answers: Answers, *, resamples: int = 2000, seed: int = 0, only: str = "", scope: Scope | None = None
) -> list[Row]:
    """Every estimate of the study, question by question and pair by pair; see the module.

    `only` is the quantity and `scope` the scope wanted where not all are.
    """
    return [
        row
        for part in parts(answers)
        if not only or any(quantity.name == only for quantity in part.quantities)
        for row in part_rows(part, resamples=resamples, seed=seed, only=only, wanted=scope)
    ]


def parts(answers: Answers) -> Iterator[Part]:
    """The study's questions and pairs; of an alignment study each model, then the differences."""
    table = answers.table
    for question in answers.questions:
        asked = table[table["question"] == question]
        if answers.kind != ALIGNMENT:
            for a, b in answers.pairs:
                chosen = asked[(asked["model_a"] == a) & (asked["model_b"] == b)]
                if len(chosen):
                    yield _part(question, a, b, chosen, (1.0,), PAIR_QUANTITIES)
            continue
        models = sorted(set(asked["model_a"]), key=lambda name: (name == REFERENCE, name))
        for model in models:
            yield _part(question, model, "", asked[asked["model_a"] == model], (1.0,), SCORE_QUANTITIES)
        for a, b in compared(models):
            both = asked[asked["model_a"].isin([a, b])]
            common = set(both.loc[both["model_a"] == a, "prompt_id"]) & set(
                both.loc[both["model_a"] == b, "prompt_id"]
            )
            both = both[both["prompt_id"].isin(common)]
            if len(both):
                yield _part(question, a, b, both, (1.0, -1.0), DIFFERENCE)


def compared(models: Sequence[str]) -> list[tuple[str, str]]:
    """Which models of an alignment study are compared: each with the reference, or else all pairs."""
    if REFERENCE in models:
        return [(model, REFERENCE) for model in models if model != REFERENCE]
    return list(combinations(models, 2))


def scopes(part: Part) -> Iterator[tuple[Scope, str, Contrast]]:
    """Every category, then macro and pooled, each with its contrast."""
    layout, arms = part.layout, part.arms
    if len(layout.categories) > 1:
        for number, name in enumerate(layout.categories):
            yield "category", name or NO_CATEGORY, category_contrast(layout, number, arms)
    yield "macro", "", macro_contrast(layout, arms)
    yield "pooled", "", pooled_contrast(layout, arms)


def _part(
    question: str,
    model_a: str,
    model_b: str,
    table: pd.DataFrame,
    arms: tuple[float, ...],
    quantities: tuple[_Quantity, ...],
) -> Part:
    second = table["model_a"].eq(model_b).to_numpy(dtype=int)
    layout = Layout.of(
        table["prompt_id"].to_numpy(dtype=object),
        table["rater"].to_numpy(),
        table["category"].to_numpy(dtype=object),
        second if len(arms) == 2 else np.zeros(len(table), dtype=int),
    )
    codes = table["choice"].map(CODES).to_numpy()
    answers = (codes[:, None] == np.arange(3)).astype(np.float64)
    return Part(question, model_a, model_b, layout, answers, arms, quantities, tuple(table["prompt_id"]))


def part_rows(
    part: Part, *, resamples: int, seed: int, only: str = "", wanted: Scope | None = None
) -> Iterator[Row]:
    """The estimates of one part; `only` and `wanted` as in `estimate_rows`."""
    layout = part.layout
    replicates = two_way_replicates(layout, part.answers, resamples=resamples, seed=seed)
    residuals = np.column_stack([fit_residuals(layout, column) for column in part.answers.T])
    for quantity in part.quantities:
        if only and quantity.name != only:
            continue
        columns = np.array(quantity.columns)
        values = part.answers @ columns
        left = np.where(np.isnan(residuals).any(1), np.nan, residuals @ columns)
        for scope, category, contrast in scopes(part):
            if wanted is not None and scope != wanted:
                continue
            estimate = contrast_estimate(layout, values, contrast, left)
            inside = contrast.coefficients.reshape(-1)[layout.cell] != 0
            prompts = np.unique(layout.prompt[inside]).size
            raters = np.unique(layout.rater[inside]).size
            ends = ends_of(
                estimate,
                replicates.contrast(contrast, columns),
                bounds=quantity.bounds,
                null=quantity.null,
                prompts=prompts,
                raters=raters,
                seed=seed,
            )
            yield Row(
                question=part.question,
                model_a=part.model_a,
                model_b=part.model_b,
                quantity=quantity.name,
                scope=scope,
                category=category,
                value=estimate.value,
                low=ends.interval.low,
                high=ends.interval.high,
                method=ends.interval.method,
                beside_low=ends.beside.low,
                beside_high=ends.beside.high,
                beside_method=ends.beside.method,
                error=estimate.error,
                degrees=estimate.degrees,
                null=quantity.null,
                p=ends.p,
                detectable=detectable_effect(estimate.error, estimate.degrees, power=POWER),
                ratings=int(inside.sum()),
                prompts=prompts,
                raters=raters,
            )
