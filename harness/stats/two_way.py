"""The mean of values of two crossed random factors, such as prompts and raters."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from harness.stats.clusters import Labels, Numbers, cluster_sums, paired_with
from harness.stats.intervals import TEstimate

_SWEEPS = 200


def two_way_mean(values: ArrayLike, rows: ArrayLike, columns: ArrayLike) -> TEstimate:
    """Mean of `values` (n,) whose error allows for both factors: other rows *and* other columns.

    `rows` and `columns` (n,) are labels, at most one value a pair; pairs may be missing. With V_r and V_c the
    variances of the mean that come of clustering by rows and by columns, and V_e that of the residuals of an
    additive fit, the variance is V_e + max(0, V_r - V_e) + max(0, V_c - V_e): the sum of the components of
    the analysis of variance of two random factors, none of them below 0. Degrees of freedom are
    Satterthwaite's (1946) over the parts that count. With few columns that matter the interval is long, as it
    must be; with two of them it is still too short (88% in place of 95%). Raises ValueError on empty or
    unequal inputs and for a pair twice.
    """
    x, row = paired_with(values, rows)
    _, column = paired_with(values, columns)
    height, width, n = int(row.max()) + 1, int(column.max()) + 1, x.size
    if np.unique(row * width + column).size < n:
        raise ValueError("two values of one pair of row and column")
    mean = float(x.mean())
    left = n - height - width + 1
    if height < 2 or width < 2 or left < 1:
        return TEstimate(mean, np.nan, np.nan, "too few pairs of two factors: no interval can be estimated")
    deviations = x - mean
    by_row = _clustered(deviations, row)
    by_column = _clustered(deviations, column)
    residuals = additive_residuals(deviations, row, column)
    noise = float(residuals @ residuals) / left / n
    with_row, with_column = by_row > noise, by_column > noise
    variance = noise + with_row * (by_row - noise) + with_column * (by_column - noise)
    squares = (
        with_row * by_row**2 / (height - 1)
        + with_column * by_column**2 / (width - 1)
        + (1 - with_row - with_column) ** 2 * noise**2 / left
    )
    degrees = float(variance**2 / squares) if squares > 0 else float(left)
    method = f"two-way t over {height} x {width} levels of two crossed factors"
    return TEstimate(mean, float(np.sqrt(variance)), max(1.0, degrees), method)


def _clustered(deviations: Numbers, labels: Labels) -> float:
    sums, _ = cluster_sums(deviations, labels)
    return float(sums.size / (sums.size - 1) * (sums @ sums)) / deviations.size**2


def additive_residuals(values: Numbers, row: Labels, column: Labels) -> Numbers:
    """What is left of values (n,) without their rows' and columns' effects (least squares)."""
    left = values.copy()
    for _ in range(_SWEEPS):  # one sweep is enough where every pair is there
        before = left
        for labels in (row, column):
            sums, sizes = cluster_sums(left, labels)
            left = left - (sums / sizes)[labels]
        if float(np.abs(before - left).max()) <= 1e-12 * float(np.abs(values).max()):
            break
    return left
