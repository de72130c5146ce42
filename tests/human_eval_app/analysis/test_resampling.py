"""The two-way bootstrap against loops that copy ratings, and its spread against the theory."""

from __future__ import annotations

import numpy as np
import pytest

from human_eval_app.analysis.layout import Layout, macro_contrast, pooled_contrast
from human_eval_app.analysis.resampling import _draw, two_way_replicates


def small() -> tuple[Layout, np.ndarray]:
    rng = np.random.default_rng(2)
    prompts = np.array([0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 4, 4])
    raters = np.array([0, 1, 2, 0, 1, 1, 2, 3, 0, 3, 2, 3])
    categories = np.array(["x"] * 5 + ["y"] * 7)
    return Layout.of(prompts, raters, categories, np.zeros(12)), rng.choice([0.0, 0.5, 1.0], (12, 2))


def test_replicates_are_means_over_copied_prompts_and_raters() -> None:
    layout, values = small()
    assert not layout.nested
    found = two_way_replicates(layout, values, resamples=40, seed=11)
    rng = np.random.default_rng(11)  # the same draws, in the same order
    by = _draw(rng, 40, 4)
    for category, inside in enumerate(([0, 1], [2, 3, 4])):
        drawn = _draw(rng, 40, len(inside))
        for b in range(40):
            means, ratings = [], []
            for copies, prompt in zip(drawn[b].astype(int), inside, strict=True):
                rows = np.flatnonzero(layout.prompt == prompt)
                copied = np.repeat(rows, by[b, layout.rater[rows]].astype(int))
                if copied.size:
                    means += [values[copied].mean(0)] * copies
                    ratings += [values[copied]] * copies
            if means:
                np.testing.assert_allclose(found.of_prompts[b, category, 0], np.mean(means, axis=0))
                np.testing.assert_allclose(
                    found.of_ratings[b, category, 0], np.concatenate(ratings).mean(axis=0)
                )
            else:
                assert np.isnan(found.of_prompts[b, category, 0]).all()


def test_contrasts_of_replicates_and_seeds() -> None:
    layout, values = small()
    one, again = (two_way_replicates(layout, values, resamples=600, seed=3) for _ in range(2))
    other = two_way_replicates(layout, values, resamples=600, seed=4)
    contrast = macro_contrast(layout, (1.0,))
    columns = np.array([1.0, 0.5])
    np.testing.assert_array_equal(one.contrast(contrast, columns), again.contrast(contrast, columns))
    assert not np.array_equal(one.contrast(contrast, columns), other.contrast(contrast, columns))
    by_hand = (one.of_prompts[:, :, 0] @ columns).mean(1)
    np.testing.assert_allclose(one.contrast(contrast, columns), by_hand, equal_nan=True)


def test_nested_raters_are_drawn_in_their_category() -> None:
    rows = [(p, r, c) for c in range(2) for p in range(4) for r in range(3)]
    prompts = [p + 10 * c for p, _, c in rows]
    raters = [r + 10 * c for _, r, c in rows]
    layout = Layout.of(prompts, raters, [c for _, _, c in rows], np.zeros(len(rows)))
    assert layout.nested
    constant = np.array([[1.0 if c else 0.0] for _, _, c in rows])
    found = two_way_replicates(layout, constant, resamples=300)
    assert (found.of_prompts[:, 0, 0, 0] == 0).all()  # a category's resample holds that category alone
    assert (found.of_prompts[:, 1, 0, 0] == 1).all()


def test_the_spread_counts_prompts_raters_and_three_times_the_single_answer() -> None:
    rng = np.random.default_rng(1)
    prompts, raters = 120, 40
    table = (
        2 * rng.normal(size=(prompts, 1)) + rng.normal(size=(1, raters)) + rng.normal(size=(prompts, raters))
    )
    row, column = np.divmod(np.arange(table.size), raters)
    layout = Layout.of(row, column, np.zeros(table.size), np.zeros(table.size))
    found = two_way_replicates(layout, table.reshape(-1, 1), resamples=3000, seed=0)
    spread = found.contrast(pooled_contrast(layout, (1.0,)), np.ones(1)).std()
    by_row, by_column = table.mean(1).var() / prompts, table.mean(0).var() / raters
    residual = table - table.mean(1, keepdims=True) - table.mean(0, keepdims=True) + table.mean()
    assert spread == pytest.approx(np.sqrt(by_row + by_column + residual.var() / table.size), rel=0.05)
