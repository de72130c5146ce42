"""CMMD: its authors' formula, and what it does with lengths."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from harness.metrics.base import Inputs
from harness.metrics.cmmd import Cmmd, unit_rows
from harness.rows import as_rows

CMMD = Cmmd(extractor="x")


def _sets() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(40, 8)).astype(np.float32) + 0.3, rng.normal(size=(30, 8)).astype(np.float32)


def test_is_the_papers_formula(inputs_of: Callable[..., Inputs]) -> None:
    """Sigma 10, all pairs of each side, times 1000 (Jayasumana et al. 2024, section 4)."""
    x, y = _sets()
    a, b = (z.astype(float) / np.linalg.norm(z.astype(float), axis=1, keepdims=True) for z in (x, y))

    def k(one: np.ndarray, other: np.ndarray) -> float:
        return float(np.mean([[np.exp(-((p - q) @ (p - q)) / 200) for q in other] for p in one]))

    estimate = CMMD.whole_set(inputs_of(x, y))
    assert estimate.value == pytest.approx(1000 * (k(a, a) + k(b, b) - 2 * k(a, b)), rel=1e-5)
    assert estimate.interval.low < estimate.value < estimate.interval.high


def test_closed_form_of_opposite_pictures(inputs_of: Callable[..., Inputs]) -> None:
    x, y = np.full((3, 1), 2.0, np.float32), np.full((4, 1), -5.0, np.float32)
    assert CMMD.whole_set(inputs_of(x, y)).value == pytest.approx(2000 * (1 - np.exp(-4 / 200)), abs=1e-8)
    assert CMMD.whole_set(inputs_of(x, -y)).value == pytest.approx(0, abs=1e-9)


def test_lengths_do_not_count(inputs_of: Callable[..., Inputs]) -> None:
    x, y = _sets()
    scaled = CMMD.whole_set(inputs_of(x * np.arange(1, 41)[:, None].astype(np.float32), 7 * y))
    assert scaled.value == pytest.approx(CMMD.whole_set(inputs_of(x, y)).value, rel=1e-4)
    np.testing.assert_array_equal(
        np.asarray(unit_rows(as_rows(np.zeros((2, 3), np.float32)))), np.zeros((2, 3))
    )


def test_identity(inputs_of: Callable[..., Inputs]) -> None:
    x, y = _sets()
    assert CMMD.identity(inputs_of(x, y)) == "cmmd[x-1|unit|gauss10|biased|x1000|ref|ref_n=30|png]"
