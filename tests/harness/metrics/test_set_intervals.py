"""Every set metric's interval, by a short form of benchmarks/coverage.py with fixed seeds.

The full table is results/reference/coverage.txt. Here an interval fails that is clearly too narrow or too
wide: of 80 draws, 95% cover in 71 to 80 with probability 0.99, and half its length is near 1.96 spreads.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
DRAWS = 80


@pytest.fixture(scope="module")
def coverage() -> Any:
    spec = importlib.util.spec_from_file_location("set_coverage", ROOT / "benchmarks" / "coverage.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["set_coverage"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("metrics", "d", "samples", "model"),
    [
        (("fid", "fid_infinity"), 16, 1, "wider"),
        (("fid", "fid_infinity"), 16, 4, "narrower"),
        (("kid", "kid_subsets", "cmmd"), 32, 1, "narrower"),
        (("kid", "kid_subsets", "cmmd"), 32, 4, "wider"),
        (("precision_k3", "recall_k3"), 8, 1, "wider"),
        (("density_k5", "coverage_k5"), 8, 4, "narrower"),
        (("inception_score",), 10, 1, "classes"),
        (("inception_score",), 10, 4, "classes"),
    ],
)
def test_intervals_are_neither_too_narrow_nor_too_wide(
    coverage: Any, metrics: tuple[str, ...], d: int, samples: int, model: str
) -> None:
    for found in coverage.study(coverage.Case(metrics, d, samples, model), DRAWS):
        assert found.covered >= 71 / DRAWS, found
        assert 0.75 <= found.width <= 1.45, found
        assert "95%" in found.method


def test_the_table_covers_between_92_and_98_per_cent() -> None:
    table = json.loads((ROOT / "results" / "reference" / "coverage.json").read_text(encoding="utf-8"))
    metrics = {row["metric"] for row in table}
    assert {"fid", "fid_infinity", "kid", "kid_subsets", "cmmd", "inception_score"} <= metrics
    assert {"precision_k3", "recall_k3", "density_k5", "coverage_k5"} <= metrics
    for name in metrics:
        assert {row["samples"] for row in table if row["metric"] == name} == {1, 4}
    assert all(row["draws"] >= 400 and 0.92 <= row["covered"] <= 0.98 for row in table)
