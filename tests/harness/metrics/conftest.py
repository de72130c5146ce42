"""Inputs of set metrics from plain arrays, under an extractor "x"."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from harness.metrics.base import Inputs, ReferenceFeatures
from harness.moments import Moments
from harness.rows import as_rows


def _no_texts(name: str, texts: Sequence[str]) -> Any:
    raise AssertionError("a set metric asked for texts")


@pytest.fixture
def inputs_of() -> Callable[..., Inputs]:
    """inputs_of(generated, reference, clusters=None, statistics=False): arrays (n, d) and (m, d)."""

    def make(
        generated: np.ndarray,
        reference: np.ndarray | None = None,
        clusters: Any = None,
        statistics: bool = False,
        seed: int = 0,
    ) -> Inputs:
        known = None
        if reference is not None:
            rows = {} if statistics else {"x": as_rows(reference)}
            moments = {"x": Moments.of(reference)} if statistics else {}
            known = ReferenceFeatures("ref", len(reference), rows, moments)
        return Inputs(
            features={"x": as_rows(generated)},
            captions=[""] * len(generated),
            clusters=np.arange(len(generated)) if clusters is None else np.asarray(clusters),
            identities={"x": "x-1"},
            embed=_no_texts,
            reference=known,
            seed=seed,
        )

    return make
