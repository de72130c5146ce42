"""The error of a contrast that allows for other prompts *and* other raters.

It is `harness.stats.two_way_mean` for sums of cell means: prompts and raters are two crossed random factors,
raters nested in categories where the study nests them, categories and arms fixed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from harness.stats import TEstimate
from harness.stats.two_way import additive_residuals
from human_eval_app.analysis.layout import Contrast, Labels, Layout, Numbers


def contrast_estimate(
    layout: Layout, values: Numbers, contrast: Contrast, residuals: Numbers | None = None
) -> TEstimate:
    """The contrast of values (n,), with the standard error and the degrees of freedom of a two-way t.

    With V_p and V_r the variances that come of clustering by prompts and by raters within each category (by
    raters across categories where they are not nested), and V_e that of single answers, the variance is
    V_e + max(0, V_p - V_e) + max(0, V_r - V_e); degrees of freedom are Satterthwaite's (1946). Where every
    rater rated one prompt, or every prompt has one rating, single answers cannot be told apart: then it is
    max(V_p, V_r). A category with a single prompt is compared with the mean of all categories, so that its
    variance errs on the high side; so is, in nested studies, one with a single rater. `residuals` are those
    of `fit_residuals` where they are at hand. Nothing can be said (error NaN) of one prompt or one rater.
    """
    weights = contrast.weights(layout)
    part = weights != 0
    value = float(weights @ values)
    means = _cell_means(layout, values, contrast)
    own, overall = means[layout.cell], _arm_means(means, contrast)[layout.arm]
    category = layout.category if layout.nested else np.zeros_like(layout.category)
    by_prompt = _clustered(weights, values, own, overall, layout.prompt, layout.category)
    by_rater = _clustered(weights, values, own, overall, layout.rater, category)
    if by_prompt.clusters < 2 or by_rater.clusters < 2:
        what = "prompt" if by_prompt.clusters < 2 else "rater"
        return TEstimate(value, np.nan, np.nan, f"one {what} only: no interval can be estimated")
    if residuals is None:
        residuals = fit_residuals(layout, values)
    if np.isfinite(residuals).any():  # a category too small for a fit of its own has the others' mean square
        residuals = np.where(np.isnan(residuals), np.sqrt(np.nanmean(residuals**2)), residuals)
    noise = float(np.sum((weights * residuals) ** 2))
    prompts, raters = by_prompt.clusters, by_rater.clusters
    method = f"two-way t over {prompts} prompts x {raters} raters"
    if np.isnan(noise):
        bound = by_prompt if by_prompt.variance >= by_rater.variance else by_rater
        return TEstimate(
            value, bound.variance**0.5, bound.degrees, f"{method}, the greater of both variances"
        )
    with_prompts, with_raters = by_prompt.variance > noise, by_rater.variance > noise
    variance = noise
    variance += with_prompts * (by_prompt.variance - noise) + with_raters * (by_rater.variance - noise)
    left = max(1.0, int(part.sum()) - prompts - raters + 1.0)
    squares = (
        with_prompts * by_prompt.squares
        + with_raters * by_rater.squares
        + (1 - with_prompts - with_raters) ** 2 * noise**2 / left
    )
    degrees = variance**2 / squares if squares > 0 else left
    return TEstimate(value, variance**0.5, max(1.0, degrees), method)


def fit_residuals(layout: Layout, values: Numbers) -> Numbers:
    """What is left of values (n,) without prompts' and raters' effects, arm by arm.

    The fit is additive, in each category by itself where raters are nested. Residuals are scaled so that
    their mean square is an answer's variance. NaN where nothing is left over to estimate it from.
    """
    group = layout.arm + (layout.category * len(layout.arms) if layout.nested else 0)
    found = np.full(layout.size, np.nan)
    for number in np.unique(group):
        place = np.flatnonzero(group == number)
        _, row = np.unique(layout.prompt[place], return_inverse=True)
        _, column = np.unique(layout.rater[place], return_inverse=True)
        height, width = int(row.max()) + 1, int(column.max()) + 1
        left = place.size - height - width + _parts(row, column, height, width)
        if left < 1:
            continue
        centred = values[place] - values[place].mean()
        size = np.sqrt(place.size / left)
        found[place] = size * additive_residuals(centred, row, column) if np.any(centred) else 0.0
    return found


@dataclass(frozen=True)
class _Clustered:
    """The variance of a sum that comes of clusters of one kind; `squares` over its degrees of freedom."""

    clusters: int
    variance: float
    squares: float

    @property
    def degrees(self) -> float:
        """Satterthwaite's, of this variance alone."""
        return self.variance**2 / self.squares if self.squares > 0 else float(self.clusters - 1)


def _clustered(
    weights: Numbers, values: Numbers, own: Numbers, overall: Numbers, cluster: Labels, group: Labels
) -> _Clustered:
    """Clusters (n,) lie in groups (n,) of clusters that could be exchanged; one cluster may be in two.

    Answers are taken from their cell's mean `own`, those of a group's only cluster from `overall`.
    """
    part = np.flatnonzero(weights)
    span = int(cluster.max()) + 1
    keys, place = np.unique(group[part] * span + cluster[part], return_inverse=True)
    groups, at = np.unique(keys // span, return_inverse=True)
    counts = np.bincount(at).astype(np.float64)
    alone = counts[at][place] == 1
    deviations = weights[part] * (values[part] - np.where(alone, overall[part], own[part]))
    totals = np.bincount(place, deviations)
    left = np.maximum(counts - 1, 1)
    factor = np.where(counts == 1, 1.0, counts / left)
    each = factor * np.bincount(at, totals**2, groups.size)
    return _Clustered(int(keys.size), float(each.sum()), float((each**2 / left).sum()))


def _arm_means(means: Numbers, contrast: Contrast) -> Numbers:
    """(arms,) mean over categories of cell means (cells,), as the contrast weighs them."""
    share = np.abs(contrast.coefficients)
    totals = share.sum(0)
    by_arm = (share * means.reshape(share.shape)).sum(0)
    return np.asarray(np.divide(by_arm, totals, out=np.zeros_like(by_arm), where=totals > 0))


def _cell_means(layout: Layout, values: Numbers, contrast: Contrast) -> Numbers:
    """(cells,) the mean of each cell in the contrast's manner; 0 where there is no answer."""
    weights = Contrast(np.ones_like(contrast.coefficients), contrast.by).weights(layout)
    cells = contrast.coefficients.size
    return np.bincount(layout.cell, weights * values, cells).astype(np.float64)


def _parts(row: Labels, column: Labels, height: int, width: int) -> int:
    """Number of connected parts of the graph in which raters are joined to the prompts they rated."""
    graph = coo_array((np.ones(row.size), (row, height + column)), shape=(height + width, height + width))
    return int(connected_components(graph, directed=False)[0])
