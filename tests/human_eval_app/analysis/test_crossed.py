"""The variance of contrasts: against `two_way_mean`, and its parts against a direct count."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harness.stats import two_way_mean
from human_eval_app.analysis.crossed import contrast_estimate, fit_residuals
from human_eval_app.analysis.layout import (
    Contrast,
    Layout,
    category_contrast,
    macro_contrast,
    pooled_contrast,
)
from human_eval_app.planning.latent_model import LatentModel, dealt


def one_category(seed: int, prompts: int, raters: int, per_prompt: int) -> tuple[Layout, np.ndarray]:
    rng = np.random.default_rng(seed)
    values = LatentModel(0.4).draw(rng, prompts, raters)
    row, column = np.nonzero(dealt(rng, prompts, raters, per_prompt))
    layout = Layout.of(row, column, np.zeros(row.size), np.zeros(row.size))
    return layout, values[row, column]


def _connected(layout: Layout) -> bool:
    """Whether every rater is joined to every other by prompts that both rated, or over others."""
    reached, before = {0}, 0
    while len(reached) > before:
        before = len(reached)
        prompts = {p for p, r in zip(layout.prompt, layout.rater, strict=True) if r in reached}
        reached |= {r for p, r in zip(layout.prompt, layout.rater, strict=True) if p in prompts}
    return reached == set(layout.rater)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(8, 20), st.integers(4, 12), st.integers(3, 4))
def test_the_mean_of_one_category_is_the_two_way_mean(
    seed: int, prompts: int, raters: int, per_prompt: int
) -> None:
    layout, values = one_category(seed, prompts, raters, per_prompt)
    found = contrast_estimate(layout, values, pooled_contrast(layout, (1.0,)))
    expected = two_way_mean(values, layout.prompt, layout.rater)
    assert found.value == pytest.approx(expected.value)
    assume(math.isfinite(expected.error))
    assume(_connected(layout))  # two_way_mean counts one free mean; in several parts there are more
    assert found.error == pytest.approx(expected.error, rel=1e-6)
    assert found.degrees == pytest.approx(expected.degrees, rel=1e-6)


def test_categories_add_up_in_nested_studies() -> None:
    parts = [one_category(seed, 8, 6, 3) for seed in range(3)]
    layout = Layout.of(
        np.concatenate([part.prompt + 100 * n for n, (part, _) in enumerate(parts)]),
        np.concatenate([part.rater + 100 * n for n, (part, _) in enumerate(parts)]),
        np.repeat(np.arange(3), [part.size for part, _ in parts]),
        np.zeros(sum(part.size for part, _ in parts)),
    )
    values = np.concatenate([v for _, v in parts])
    assert layout.nested
    whole = contrast_estimate(layout, values, macro_contrast(layout, (1.0,)))
    each = [contrast_estimate(p, v, macro_contrast(p, (1.0,))) for p, v in parts]
    assert whole.value == pytest.approx(np.mean([e.value for e in each]))
    inside = [
        contrast_estimate(layout, values, category_contrast(layout, number, (1.0,))) for number in range(3)
    ]
    assert [e.error for e in inside] == pytest.approx([e.error for e in each])
    if all(e.error > 0 for e in each):  # independent categories: variances add
        assert whole.error == pytest.approx(math.sqrt(sum(e.error**2 for e in each)) / 3, rel=0.25)


def test_weights_of_a_contrast_give_each_prompt_or_each_rating_the_same() -> None:
    layout = Layout.of(["p", "p", "p", "q"], [1, 2, 3, 1], ["c"] * 4, ["a"] * 4)
    values = np.array([1.0, 1.0, 1.0, 0.0])
    assert macro_contrast(layout, (1.0,)).weights(layout) @ values == pytest.approx(0.5)
    assert pooled_contrast(layout, (1.0,)).weights(layout) @ values == pytest.approx(0.75)


def test_a_difference_of_arms_cancels_what_raters_share() -> None:
    rng = np.random.default_rng(5)
    prompts, raters = 12, 10
    lenient = rng.normal(0, 3, raters)
    row, column = np.divmod(np.arange(prompts * raters), raters)
    a, b = (lenient[column] + 0.1 * rng.normal(size=row.size) for _ in range(2))
    layout = Layout.of(
        np.tile(row, 2), np.tile(column, 2), np.zeros(2 * row.size), np.repeat([0, 1], row.size)
    )
    values = np.concatenate([a, b])
    difference = contrast_estimate(layout, values, macro_contrast(layout, (1.0, -1.0)))
    single = contrast_estimate(layout, values, macro_contrast(layout, (1.0, 0.0)))
    assert single.error > 0.5
    assert difference.error < 0.05


@pytest.mark.parametrize("nested", [False, True])
def test_a_category_of_one_prompt_does_not_take_the_overall_interval_away(nested: bool) -> None:
    """Such studies' intervals still cover the truth, and err on the long side."""
    rng = np.random.default_rng(8)
    model = LatentModel(0.6)
    counts, raters = (6, 5, 4, 1), 10
    held = draws = 0
    for _ in range(150):
        everyone = model.draw(rng, sum(counts), raters)
        rows: list[tuple[int, int, int, float]] = []
        start = 0
        for category, count in enumerate(counts):
            table = model.draw(rng, count, raters) if nested else everyone[start : start + count]
            rows += [
                (start + p, r + 100 * category * nested, category, table[p, r])
                for p in range(count)
                for r in range(raters)
            ]
            start += count
        prompts, people, categories, values = (np.array(column) for column in zip(*rows, strict=True))
        layout = Layout.of(prompts, people, categories, np.zeros(len(rows)))
        assert layout.nested == nested
        alone = contrast_estimate(layout, values, category_contrast(layout, 3, (1.0,)))
        assert math.isnan(alone.error)
        interval = contrast_estimate(layout, values, macro_contrast(layout, (1.0,))).interval()
        held += interval.low <= model.mean <= interval.high
        draws += 1
    assert held >= 0.9 * draws


def test_what_cannot_be_estimated_says_so() -> None:
    values = np.array([1.0, 0.0, 1.0, 1.0])
    lonely = Layout.of(["p"] * 4, [1, 2, 3, 4], ["c"] * 4, ["a"] * 4)
    found = contrast_estimate(lonely, values, macro_contrast(lonely, (1.0,)))
    assert math.isnan(found.error)
    assert "one prompt" in found.method
    alone = Layout.of([1, 2, 3, 4], ["r"] * 4, ["c"] * 4, ["a"] * 4)
    assert "one rater" in contrast_estimate(alone, values, macro_contrast(alone, (1.0,))).method
    once = Layout.of([1, 2, 3, 4], [1, 1, 2, 2], ["c"] * 4, ["a"] * 4)  # one rating a prompt
    assert np.isnan(fit_residuals(once, values)).all()
    assert contrast_estimate(once, values, macro_contrast(once, (1.0,))).error > 0


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="as many"):
        Layout.of([1, 2], [1], ["c"], ["a"])
    with pytest.raises(ValueError, match="at least one"):
        Layout.of([], [], [], [])
    assert Contrast(np.ones((1, 1)), "prompts").by == "prompts"
