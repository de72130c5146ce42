"""Agreement between raters: Krippendorff's alpha for ordered answers, and raw agreement.

Alpha is 1 - observed / expected disagreement over pairs of answers to one item (Krippendorff 2019, ch. 12),
with his metric for ordinal data; answers may be missing. 1 is perfect, 0 what shuffled answers give. Its
interval is a two-way bootstrap over items and raters in which an answer is never paired with itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from human_eval_app.analysis.answers import Answers
from human_eval_app.analysis.estimates import CODES, NO_CATEGORY
from human_eval_app.analysis.layout import Labels, Numbers

if TYPE_CHECKING:
    import pandas as pd

CHUNK = 250
UNANIMOUS = "undefined: unanimous, all answers are the same"
ALONE = "undefined: no item has two answers"


@dataclass(frozen=True, slots=True)
class Agreement:
    """Alpha of one question, over all (category "") or in one category; NaN with the reason in `why`.

    `raw` is the share of pairs of answers to one item that are the same, NaN without a pair. `pairable` is
    the number of answers that have another beside them.
    """

    question: str
    category: str
    alpha: float
    low: float
    high: float
    method: str
    raw: float
    items: int
    raters: int
    pairable: int
    why: str


def agreement_rows(
    answers: Answers, *, resamples: int = 2000, seed: int = 0, by_category: bool = True
) -> list[Agreement]:
    """Agreement of every question over all items, then by category where there are several.

    With 0 `resamples` there are no intervals.
    """
    rows = []
    for question in answers.questions:
        table = answers.table[answers.table["question"] == question]
        rows.append(_agreement(question, "", table, resamples, seed))
        categories = sorted(set(table["category"]))
        for category in categories if by_category and len(categories) > 1 else ():
            part = table[table["category"] == category]
            rows.append(_agreement(question, category or NO_CATEGORY, part, resamples, seed))
    return rows


def ordinal_alpha(counts: Numbers) -> float:
    """Alpha of items (n, answers): how many raters gave each answer, answers in their order.

    NaN where all pairable answers are the same or no item has two.
    """
    return float(_alphas(_coincidences(counts, counts)[None])[0])


def raw_agreement(counts: Numbers) -> float:
    """Share of pairs of raters of one item who gave the same answer, over all pairs; NaN without a pair."""
    raters = counts.sum(1)
    pairs = float((raters * (raters - 1)).sum())
    return float((counts * (counts - 1)).sum()) / pairs if pairs else math.nan


def bootstrap_alphas(
    codes: Labels, item: Labels, rater: Labels, *, resamples: int = 2000, seed: int = 0
) -> Numbers:
    """(resamples,) alphas with items and raters drawn anew; NaN where all drawn answers are the same.

    `codes` (n,) are 0..2 in the answers' order. Two copies of one rater are not compared with each other.
    """
    rng = np.random.default_rng(seed)
    items, raters = int(item.max()) + 1, int(rater.max()) + 1
    tables = [_table(codes == code, item, rater, items, raters) for code in range(3)]
    parts = list[Numbers]()
    for number in _chunks(resamples):
        u = rng.multinomial(items, np.full(items, 1 / items), number).astype(np.float64)
        v = rng.multinomial(raters, np.full(raters, 1 / raters), number).astype(np.float64)
        counts = np.stack([v @ table.T for table in tables], axis=-1)
        same = np.stack([(v * v) @ table.T for table in tables], axis=-1)
        parts.append(_alphas(_weighted_coincidences(counts, same, u)))
    return np.concatenate(parts)


def _agreement(question: str, category: str, table: pd.DataFrame, resamples: int, seed: int) -> Agreement:
    codes = np.asarray(table["choice"].map(CODES), dtype=np.intp)
    _, item = np.unique(table["item"].to_numpy(dtype=object), return_inverse=True)
    _, rater = np.unique(table["rater"].to_numpy(), return_inverse=True)
    items, raters = int(item.max()) + 1, int(rater.max()) + 1
    counts = np.bincount(item * 3 + codes, minlength=items * 3).reshape(items, 3).astype(np.float64)
    pairable = counts[counts.sum(1) >= 2]
    alpha, low, high, method, why = math.nan, math.nan, math.nan, "", ""
    if not len(pairable):
        why = ALONE
    elif (pairable.sum(0) > 0).sum() < 2:
        why = UNANIMOUS
    else:
        alpha = ordinal_alpha(counts)
        found = np.empty(0)
        if resamples:
            found = bootstrap_alphas(codes, item, rater, resamples=resamples, seed=seed)
        made = found[np.isfinite(found)]
        if resamples and made.size >= resamples / 2:
            low, high = map(float, np.quantile(made, [0.025, 0.975]))
            method = f"95% two-way bootstrap over {items} items x {raters} raters"
            method += f", {resamples} resamples, seed {seed}"
            if made.size < resamples:
                method += f", {resamples - made.size} of them unanimous and left out"
        elif resamples:
            method = "most resamples are unanimous: no interval"
    return Agreement(
        question,
        category,
        alpha,
        low,
        high,
        method,
        raw_agreement(counts),
        items,
        raters,
        int(pairable.sum()),
        why,
    )


def _coincidences(counts: Numbers, same: Numbers) -> Numbers:
    """(answers, answers) coincidences of items (n, answers)."""
    return np.asarray(_weighted_coincidences(counts[None], same[None], np.ones((1, len(counts))))[0])


def _weighted_coincidences(counts: Numbers, same: Numbers, weights: Numbers) -> Numbers:
    """(B, answers, answers) from weights of answers (B, n, answers), of their squares, and of items (B, n).

    With m the sum of an item's weights and q that of their squares, its pairs of different raters weigh
    (m^2 - q) in all and it should count m: for weights of one that is Krippendorff's m / (m (m - 1)).
    """
    m, q = counts.sum(-1), same.sum(-1)
    pairs = m * m - q
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where(pairs > 0, weights * m / pairs, 0.0)
    products = np.einsum("bn,bni,bnj->bij", scale, counts, counts, optimize=True)
    diagonal = np.einsum("bn,bni->bi", scale, same)
    return np.asarray(products - diagonal[:, :, None] * np.eye(counts.shape[-1]))


def _alphas(coincidences: Numbers) -> Numbers:
    """(B,) from coincidences (B, answers, answers)."""
    totals = coincidences.sum(2)
    ranks = np.cumsum(totals, axis=1) - totals / 2
    distance = (ranks[:, :, None] - ranks[:, None, :]) ** 2
    number = totals.sum(1)
    observed = (coincidences * distance).sum((1, 2)) * (number - 1)
    expected = (totals[:, :, None] * totals[:, None, :] * distance).sum((1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected > 1e-9, 1 - observed / expected, np.nan)


def _table(chosen: NDArray[np.bool_], item: Labels, rater: Labels, items: int, raters: int) -> Numbers:
    flat = np.bincount(item[chosen] * raters + rater[chosen], minlength=items * raters)
    return flat.reshape(items, raters).astype(np.float64)


def _chunks(total: int) -> Iterator[int]:
    for start in range(0, total, CHUNK):
        yield min(CHUNK, total - start)
