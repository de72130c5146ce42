"""The two-way bootstrap: prompts and raters drawn again, each with replacement, category by category.

An answer's weight is how often its prompt was drawn times how often its rater was (product multinomial
weights, the "pigeonhole" bootstrap of Owen 2007). Prompts are drawn within their category, raters within
theirs where they are nested and from all of them where they are not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from human_eval_app.analysis.layout import Contrast, Labels, Layout, Numbers

CHUNK = 500


@dataclass(frozen=True)
class Replicates:
    """Cell means of every resample, (resamples, categories, arms, columns); NaN where none was drawn."""

    of_prompts: Numbers
    of_ratings: Numbers

    def contrast(self, contrast: Contrast, columns: Numbers) -> Numbers:
        """(resamples,) the contrast of `columns` (columns,), a sum of the columns of values."""
        means = self.of_prompts if contrast.by == "prompts" else self.of_ratings
        category, arm = np.nonzero(contrast.coefficients)
        return np.asarray((means[:, category, arm] @ columns) @ contrast.coefficients[category, arm])


def two_way_replicates(
    layout: Layout, values: Numbers, *, resamples: int = 2000, seed: int = 0
) -> Replicates:
    """Resamples of values (n, columns). Equal arguments give equal results."""
    rng = np.random.default_rng(seed)
    columns = values.shape[1]
    shape = (resamples, len(layout.categories), len(layout.arms), columns)
    of_prompts, of_ratings = np.full(shape, np.nan), np.full(shape, np.nan)
    for start in range(0, resamples, CHUNK):
        stop = min(start + CHUNK, resamples)
        everyone = _draw(rng, stop - start, int(layout.rater.max()) + 1)
        for category in range(len(layout.categories)):
            inside = np.flatnonzero(layout.category == category)
            prompts, row = np.unique(layout.prompt[inside], return_inverse=True)
            raters, column = np.unique(layout.rater[inside], return_inverse=True)
            drawn = _draw(rng, stop - start, prompts.size)
            by = _draw(rng, stop - start, raters.size) if layout.nested else everyone[:, raters]
            for arm in range(len(layout.arms)):
                here = layout.arm[inside] == arm
                if here.any():
                    each, pooled = _means(values[inside[here]], row[here], column[here], drawn, by)
                    of_prompts[start:stop, category, arm] = each
                    of_ratings[start:stop, category, arm] = pooled
    return Replicates(of_prompts, of_ratings)


def _means(
    values: Numbers, row: Labels, column: Labels, drawn: Numbers, by: Numbers
) -> tuple[Numbers, Numbers]:
    """Means (resamples, columns) over prompts and over ratings; drawn (resamples, P), by (resamples, R)."""
    height, width = drawn.shape[1], by.shape[1]
    place = row * width + column
    seen = np.bincount(place, minlength=height * width).reshape(height, width).astype(np.float64)
    ratings = by @ seen.T
    there = ratings > 0
    prompts = (drawn * there).sum(1)
    total = (drawn * ratings).sum(1)
    each, pooled = np.empty((drawn.shape[0], values.shape[1])), np.empty((drawn.shape[0], values.shape[1]))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(there, drawn / ratings, 0.0)
        for number in range(values.shape[1]):
            table = np.bincount(place, values[:, number], height * width).reshape(height, width)
            sums = by @ table.T
            each[:, number] = (share * sums).sum(1) / prompts
            pooled[:, number] = (drawn * sums).sum(1) / total
    return each, pooled


def _draw(rng: np.random.Generator, resamples: int, levels: int) -> Numbers:
    """(resamples, levels) how often each level was drawn, `levels` draws with replacement."""
    chosen = rng.integers(0, levels, (resamples, levels)) + np.arange(resamples)[:, None] * levels
    return np.bincount(chosen.ravel(), minlength=resamples * levels).reshape(resamples, levels).astype(float)
