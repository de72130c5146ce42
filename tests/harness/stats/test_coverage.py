"""95% intervals cover the truth 92 to 98 times in 100, at 200 prompts: seeded simulations.

The cases are those of benchmarks/coverage_means.py, which prints the whole table with more runs.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.stats import Interval, cluster_mean_interval, mean_difference_interval

RUNS = 1000


def _load_benchmark() -> Any:
    path = Path(__file__).parents[3] / "benchmarks" / "coverage_means.py"
    spec = importlib.util.spec_from_file_location("coverage_means", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


benchmark = _load_benchmark()
# One failure in 200 pictures is expected at p = 0.995, and two models of which one is never wrong differ in 4
# of 200: with so few events no interval covers exactly, and these stray from 92..98% by about 1%.
_RARE = ("p=0.995", "0.999999")
_CASES = [
    case for case in benchmark.cases() if not case.slow and not any(rare in case.data for rare in _RARE)
]


@pytest.mark.parametrize("case", _CASES, ids=lambda case: f"{case.method}: {case.data}")
def test_intervals_cover(case: Any) -> None:
    runs = RUNS // 4 if case.method == "paired jackknife" else RUNS
    share = benchmark.simulate(case, runs, seed=1).share
    assert 0.92 - 0.01 <= share <= 0.98 + 0.01  # 1000 runs know a share to about 0.01


@pytest.mark.parametrize(
    "data", ["normal, 4 a prompt", "200 x 25, spread of rows 1, of columns 0.3, noise 1"]
)
def test_bootstraps_cover(data: str) -> None:
    (case,) = [case for case in benchmark.cases() if case.slow and case.data == data]
    assert 0.91 <= benchmark.simulate(case, 200, seed=1).share <= 0.99


def test_students_interval_would_not_cover_where_nearly_all_are_right() -> None:
    """Why means within bounds have an interval of their own."""

    def cut(mean: float, interval: Interval) -> bool:
        return interval.low - 1e-12 <= mean <= interval.high + 1e-12

    rng = np.random.default_rng(0)
    prompts = np.arange(200)
    student, ours, student_pair, our_pair = 0, 0, 0, 0
    for _ in range(RUNS):
        values = (rng.random(200) < 0.99).astype(float)
        ones = np.ones(200)
        student += cut(0.99, cluster_mean_interval(values, prompts)[1])
        ours += cut(0.99, cluster_mean_interval(values, prompts, bounds=(0.0, 1.0))[1])
        student_pair += cut(-0.01, mean_difference_interval(ones, values, prompts)[1])
        our_pair += cut(-0.01, mean_difference_interval(ones, values, prompts, bounds=(0.0, 1.0))[1])
    assert max(student, student_pair) / RUNS < 0.90
    assert min(ours, our_pair) / RUNS > 0.92
