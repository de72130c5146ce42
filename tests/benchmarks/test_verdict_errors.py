"""The benchmark of the verdict's errors, on a small table of its own."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("verdict_errors", ROOT / "benchmarks" / "verdict_errors.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def _table(benchmark: ModuleType, right: float, level: float) -> object:
    rng = np.random.default_rng(0)
    values = {
        "scenes_accuracy": (rng.random(200) < right).astype(float),
        "align_conse": rng.normal(level, 1, 200),
    }
    return benchmark.Table(values, np.zeros((200, 4), np.float32), np.array(["one", "two"] * 100))


def test_the_same_model_is_no_regression_and_a_worse_one_is(benchmark: ModuleType) -> None:
    table, worse = _table(benchmark, 0.9, 5.0), _table(benchmark, 0.3, 2.0)
    rng = np.random.default_rng(1)
    at, other = benchmark.same_model(rng, table, 200)
    assert 0.3 < np.mean(at == other) < 0.7
    assert (table.categories[at] == table.categories[other]).all()
    assert benchmark.outcome(benchmark.evidence_of(table, at, table, other, None)) != "regression"
    assert benchmark.outcome(benchmark.evidence_of(table, at, worse, at, None)) == "regression"
    losses, limits = benchmark.true_losses(table, worse), benchmark.promised(table, at, None)
    assert losses.keys() == limits.keys()
    assert losses["align_conse", None] == pytest.approx(3.0, abs=0.3)
    assert losses["align_conse", None] > limits["align_conse", None]


def _shuffled(rng: np.random.Generator, table: object) -> tuple[np.ndarray, object, np.ndarray]:
    return rng.integers(0, 200, 60), table, rng.integers(0, 200, 60)


def test_without_margins_there_are_no_fewer_regressions(benchmark: ModuleType) -> None:
    table = _table(benchmark, 0.7, 5.0)
    rng = np.random.default_rng(2)
    found = []
    for _ in range(20):
        evidence = benchmark.evidence_of(table, *_shuffled(rng, table), None)
        both = evidence, benchmark.without_margin(evidence)
        found.append([benchmark.outcome(one) == "regression" for one in both])
    plain, strict = np.array(found).sum(0)
    assert plain <= strict


def test_the_report_says_what_was_not_run(benchmark: ModuleType, tmp_path: Path) -> None:
    args = argparse.Namespace(work=tmp_path)
    assert sum("not run" in line for line in benchmark.report(args)) == 2
    (tmp_path / "real.json").write_text(
        json.dumps({"prompts": 7, "outcomes": ["pass"] * 19 + ["regression"]})
    )
    text = "\n".join(benchmark.report(args))
    assert "real pairs of runs of 7 prompts: 1 of 20 (5.0%" in text
    assert "19 pass, 1 regression" in text
