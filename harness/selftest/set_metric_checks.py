"""Metrics of whole sets on a few vectors, of which the values can be had by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from harness.metrics.base import Inputs, ReferenceFeatures
from harness.metrics.cmmd import Cmmd
from harness.metrics.inception_score import InceptionScore
from harness.metrics.kid import KidMetric
from harness.metrics.manifold import ManifoldMetric, Quantity
from harness.rows import Vectors, as_rows
from harness.selftest.report import Check

_ON: dict[str, Any] = {"extractor": "numbers", "summary": ""}
_QUANTITIES: tuple[Quantity, ...] = ("precision", "recall", "density", "coverage")


def set_metric_checks() -> list[Check]:
    """Checks of KID, CMMD, Inception Score, precision, recall, density and coverage."""
    balls = "precision, recall, density, coverage"
    return [
        Check("metric", "KID, closed form", 1e-12, _kid),
        Check("metric", "CMMD of opposite vectors, closed form", 1e-8, _cmmd),
        Check("metric", "Inception Score of sure, mixed and equal classes", 1e-6, _inception_score),
        Check("metric", f"{balls} of points on a line", 1e-12, _on_a_line),
        Check("metric", f"{balls} far from the origin", 1e-12, _far_away),
    ]


def _kid() -> tuple[ArrayLike, ArrayLike]:
    """Of x = (1, 0), (0, 1) and y = (2, 0), (2, 0), with k(a, b) = (a.b / 2 + 1)^3.

    k(x1, x2) = 1; k(y1, y2) = 27; k(x1, y) = 8 and k(x2, y) = 1, so 1 + 27 - 2 * 4.5.
    """
    metric = KidMetric(name="kid", **_ON)
    return 19.0, metric.whole_set(_inputs([[1, 0], [0, 1]], [[2, 0], [2, 0]])).value


def _cmmd() -> tuple[ArrayLike, ArrayLike]:
    """Unit vectors two apart: 1 + 1 - 2 exp(-4 / 200), times 1000."""
    metric = Cmmd(extractor="numbers")
    got = metric.whole_set(_inputs([[3, 0]] * 3, [[-6, 0]] * 2)).value
    return 2000 * (1 - np.exp(-0.02)), got


def _inception_score() -> tuple[ArrayLike, ArrayLike]:
    """Four sure classes equally often: 4. Two at 3 to 1: exp of their entropy. No class surer: 1."""
    metric = InceptionScore(name="score", splits=1, **_ON)
    sure = 60 * np.eye(4)
    sets = (sure[[0, 1, 2, 3] * 2], sure[[0, 0, 0, 1] * 2], np.ones((8, 4)))
    mixed = np.exp(-0.75 * np.log(0.75) - 0.25 * np.log(0.25))
    return [4.0, mixed, 1.0], [metric.whole_set(_inputs(rows)).value for rows in sets]


def _on_a_line() -> tuple[ArrayLike, ArrayLike]:
    """Reference 0, 2, 5, 9 and generated 1, 3, 20, each with its nearest neighbour (k = 1).

    Reference balls are [-2, 2], [0, 4], [2, 8] and [5, 13]: 1 lies in two, 3 in two, 20 in none, and of the
    balls three hold something. Generated balls are [-1, 3], [1, 5] and [3, 37], which hold 0, 2, 5 and 9.
    """
    return [2 / 3, 1.0, 4 / 3, 3 / 4], _four([[1], [3], [20]], [[0], [2], [5], [9]])


def _far_away() -> tuple[ArrayLike, ArrayLike]:
    """The same on a line that starts at 2^15, where squares are large beside the distances."""
    far = [[2**15 + x] for x in (1, 3, 20)], [[2**15 + x] for x in (0, 2, 5, 9)]
    return [2 / 3, 1.0, 4 / 3, 3 / 4], _four(*far)


def _four(generated: ArrayLike, reference: ArrayLike) -> list[float]:
    inputs = _inputs(generated, reference)
    metrics = [ManifoldMetric(name=quantity, quantity=quantity, k=1, **_ON) for quantity in _QUANTITIES]
    return [metric.whole_set(inputs).value for metric in metrics]


def _inputs(generated: ArrayLike, reference: ArrayLike | None = None) -> Inputs:
    """What a set metric looks at, one picture a prompt."""
    rows = as_rows(np.asarray(generated, np.float32))
    known = None
    if reference is not None:
        real = as_rows(np.asarray(reference, np.float32))
        known = ReferenceFeatures("numbers", len(real), {"numbers": real})
    return Inputs(
        features={"numbers": rows},
        captions=[""] * len(rows),
        clusters=np.arange(len(rows), dtype=np.intp),
        identities={"numbers": "numbers"},
        embed=_no_texts,
        reference=known,
    )


def _no_texts(name: str, texts: Sequence[str]) -> Vectors:
    raise ValueError(f"{name} has no texts")
