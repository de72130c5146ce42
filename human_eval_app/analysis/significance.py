"""Tests beside the intervals: a sign test over prompts' majorities, sign flips over prompts, and Holm.

Three questions, three p values. `p` allows for other prompts and other raters (see `bounded`). The sign test
and the sign flips take these raters as they are and ask about other prompts: a taste that a rater brings to
every prompt is no noise to them, so they reject more often. Confirmatory are the p values of the primary
quantity: Holm's (1979) over the questions for the mean over categories, and over all categories and questions
for the categories.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.stats import holm, sign_flip_test
from human_eval_app.analysis.estimates import Part, Row, Scope, scopes
from human_eval_app.analysis.layout import Contrast, Numbers
from human_eval_app.analysis.proportions import binomial_p


@dataclass(frozen=True, slots=True)
class Decision:
    """Tests of one question, pair and scope.

    `for_a`, `tied`, `for_b` are numbers of prompts by the majority of their answers (in alignment by the
    difference of the two means). `sign_p` is exact and of the prompts that are not tied. `flip_p` is the
    paired permutation test. `p` is the primary estimate's; `holm_p` and `holm_flip_p` are adjusted over
    `family` tests, NaN for the pooled estimate, which is descriptive.
    """

    question: str
    model_a: str
    model_b: str
    scope: Scope
    category: str
    for_a: int
    tied: int
    for_b: int
    sign_p: float
    flip_p: float
    flip_method: str
    p: float
    holm_p: float
    holm_flip_p: float
    family: int


def decisions(
    parts: Iterable[Part], rows: Sequence[Row], primary: str, *, flips: int = 10_000, seed: int = 0
) -> list[Decision]:
    """The tests of every part that has the quantity called `primary`."""
    made: list[Decision] = []
    by_place = {
        (r.question, r.model_a, r.model_b, r.scope, r.category): r for r in rows if r.quantity == primary
    }
    for part in parts:
        if all(quantity.name != primary for quantity in part.quantities):
            continue
        for scope, category, contrast in scopes(part):
            leads, weighted = prompt_leads(part, contrast)
            flip = sign_flip_test(weighted, resamples=flips, seed=seed)
            ahead, behind = int((leads > 0).sum()), int((leads < 0).sum())
            row = by_place[part.question, part.model_a, part.model_b, scope, category]
            made.append(
                Decision(
                    part.question,
                    part.model_a,
                    part.model_b,
                    scope,
                    category,
                    ahead,
                    int(leads.size) - ahead - behind,
                    behind,
                    binomial_p(ahead, ahead + behind),
                    flip.p,
                    flip.method,
                    row.p,
                    math.nan,
                    math.nan,
                    0,
                )
            )
    return _adjusted(made)


def prompt_leads(part: Part, contrast: Contrast) -> tuple[Numbers, Numbers]:
    """(prompts of the contrast,) who is ahead by how much of an answer, and the same weighted as in it.

    Of a pair: wins less losses over the prompt's answers. Of an alignment study: the difference of the two
    models' mean values. Leads within rounding of 0 are 0.
    """
    layout = part.layout
    worth = part.answers @ np.array([1.0, 0.0, -1.0])
    weights = contrast.weights(layout)
    inside = weights != 0
    sign = np.sign(np.asarray(part.arms))[layout.arm]
    share = sign * worth / layout.answers_of_prompt
    prompts, place = np.unique(layout.prompt[inside], return_inverse=True)
    leads = np.bincount(place, share[inside], prompts.size).astype(np.float64)
    weighted = np.bincount(place, weights[inside] * worth[inside], prompts.size).astype(np.float64)
    leads[np.abs(leads) < 1e-9] = 0.0
    weighted[np.abs(weighted) < 1e-12] = 0.0
    return leads, weighted


def _adjusted(made: list[Decision]) -> list[Decision]:
    """With Holm's p: a family for the means over categories, and one for the categories, of each pair."""
    found = list(made)
    pairs = {(d.model_a, d.model_b) for d in made}
    for pair in sorted(pairs):
        for scope in ("macro", "category"):
            places = [n for n, d in enumerate(made) if d.scope == scope and (d.model_a, d.model_b) == pair]
            both = holm([made[n].p for n in places]), holm([made[n].flip_p for n in places])
            for n, p, flip_p in zip(places, *both, strict=True):
                found[n] = replace(made[n], holm_p=float(p), holm_flip_p=float(flip_p), family=len(places))
    return found
