from __future__ import annotations

import math

import numpy as np
import pytest
from simulated_ratings import simulated_frame, study_design
from statsmodels.stats.multitest import multipletests

from harness.stats import sign_flip_test
from human_eval_app.analysis.answers import answers_that_count, sorted_answers
from human_eval_app.analysis.estimates import estimate_rows, parts
from human_eval_app.analysis.significance import Decision, decisions


@pytest.fixture(scope="module")
def made() -> tuple[list[Decision], dict[str, list[float]]]:
    frame = simulated_frame(study_design(controls=0), raters=10, per_prompt=6, lead=0.7)
    answers = answers_that_count(sorted_answers(frame, ("imagen", "glide")))
    laid_out = list(parts(answers))
    found = decisions(laid_out, estimate_rows(answers, resamples=400), "net")
    table = answers.table[answers.table["question"] == "text"]
    means = 2 * table.groupby(["category", "prompt_id"])["value"].mean() - 1
    return found, {str(c): list(part) for c, part in means.groupby(level="category")}


def test_majorities_are_counted_with_their_ties(made: tuple[list[Decision], dict[str, list[float]]]) -> None:
    found, means = made
    for category, values in means.items():
        row = next(d for d in found if d.question == "text" and d.category == category)
        signs = np.sign(np.round(values, 9))
        assert (row.for_a, row.tied, row.for_b) == tuple(int((signs == s).sum()) for s in (1, 0, -1))
    whole = next(d for d in found if d.question == "text" and d.scope == "macro")
    assert whole.for_a + whole.tied + whole.for_b == 30


def test_sign_flips_are_those_of_prompts_means(made: tuple[list[Decision], dict[str, list[float]]]) -> None:
    found, means = made
    row = next(d for d in found if d.question == "text" and d.category == "Counting")
    assert row.flip_p == pytest.approx(sign_flip_test(means["Counting"]).p)


def test_holm_is_statsmodels_over_categories_and_questions(
    made: tuple[list[Decision], dict[str, list[float]]],
) -> None:
    found, _ = made
    for scope, size in (("category", 6), ("macro", 2)):
        rows = [d for d in found if d.scope == scope]
        assert [d.family for d in rows] == [size] * size
        for raw, adjusted in (("p", "holm_p"), ("flip_p", "holm_flip_p")):
            expected = multipletests([getattr(d, raw) for d in rows], method="holm")[1]
            assert [getattr(d, adjusted) for d in rows] == pytest.approx(expected)
    assert all(math.isnan(d.holm_p) for d in found if d.scope == "pooled")
