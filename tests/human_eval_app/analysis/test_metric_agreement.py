"""Correlations of metrics with ratings, against scipy, also on resamples that hold prompts twice."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr
from simulated_ratings import simulated_frame, study_design

from human_eval_app.analysis.answers import answers_that_count, sorted_answers
from human_eval_app.analysis.estimates import parts
from human_eval_app.analysis.metric_agreement import (
    Paired,
    RunScores,
    _kendall,
    _spearman,
    metric_agreement,
    paired_scores,
)


def pairings(kind: str, scores: list[RunScores], **options: object) -> list[Paired]:
    design = study_design(kind, categories={"x": 20}, controls=0, **options)  # type: ignore[arg-type]
    frame = simulated_frame(design, raters=8, per_prompt=6, seed=2)
    answers = answers_that_count(sorted_answers(frame, ("imagen", "glide")))
    return list(paired_scores(parts(answers), scores))


def noise(model: str, seed: int, lower: bool = False) -> RunScores:
    rng = np.random.default_rng(seed)
    values = {f"x-{n:03d}": float(rng.integers(0, 9)) for n in range(20)}
    return RunScores(model, {"clip": values}, frozenset(["clip"] if lower else []))


@pytest.mark.parametrize("kind", ["side_by_side", "alignment"])
def test_correlations_are_scipys(kind: str) -> None:
    for paired in pairings(kind, [noise("imagen", 1), noise("glide", 2)]):
        found = metric_agreement(paired, resamples=200)
        assert found.spearman == pytest.approx(spearmanr(paired.scores, paired.ratings).statistic)
        assert found.kendall == pytest.approx(kendalltau(paired.scores, paired.ratings).statistic)
        assert found.spearman_low < found.spearman < found.spearman_high
        assert found.prompts == 20


def test_resampled_correlations_are_scipys_of_the_copied_prompts() -> None:
    paired = pairings("side_by_side", [noise("imagen", 1), noise("glide", 2)])[0]
    drawn = np.random.default_rng(0).integers(0, 20, (30, 20))
    for row, rho, tau in zip(drawn, _spearman(paired, drawn), _kendall(paired, drawn), strict=True):
        x, y = paired.scores[row], paired.ratings[row]
        assert rho == pytest.approx(spearmanr(x, y).statistic)
        assert tau == pytest.approx(kendalltau(x, y).statistic)


def test_a_metric_that_knows_the_ratings_always_agrees() -> None:
    blind = pairings("side_by_side", [noise("imagen", 1), noise("glide", 2)])
    for paired in blind:
        known = dict(zip(paired.prompt_ids, paired.ratings.tolist(), strict=True))
        zero = dict.fromkeys(known, 0.0)
        scores = [RunScores("imagen", {"oracle": known}), RunScores("glide", {"oracle": zero})]
        oracle = next(p for p in pairings("side_by_side", scores) if p.part.question == paired.part.question)
        found = metric_agreement(oracle, resamples=200)
        assert found.spearman == pytest.approx(1)
        assert found.accuracy == 1
        assert found.accuracy_of == int((paired.ratings != 0).sum())


def test_pairwise_accuracy_is_counted_over_decided_prompts() -> None:
    paired = pairings("side_by_side", [noise("imagen", 1), noise("glide", 2)])[0]
    decided = np.abs(paired.ratings) > 1e-9
    right = np.sign(paired.scores) == np.sign(paired.ratings)
    ties = paired.scores == 0
    expected = (right & ~ties)[decided].sum() + 0.5 * (ties & decided).sum()
    assert metric_agreement(paired, resamples=200).accuracy == pytest.approx(expected / decided.sum())


def test_lower_is_better_turns_the_metric_round_and_a_reference_has_none() -> None:
    up, down = (
        pairings("realism", [noise("imagen", 3, lower)], models=("imagen",))[0] for lower in (False, True)
    )
    np.testing.assert_array_equal(up.scores, -down.scores)
    assert up.compared == "imagen alone"
    assert not up.by_sign


def test_few_prompts_are_not_correlated() -> None:
    few = RunScores("imagen", {"clip": {f"x-{n:03d}": float(n) for n in range(7)}})
    assert pairings("realism", [few], models=("imagen",)) == []
