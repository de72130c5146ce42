"""The benchmark of metrics, at a size at which it says nothing about speed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _run(*options: str) -> str:
    command = [sys.executable, str(ROOT / "benchmarks" / "metrics_speed.py"), *options]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_times_all_three_and_their_distances_agree(tmp_path: Path) -> None:
    pytest.importorskip("cleanfid")
    pytest.importorskip("torch_fidelity")
    found = tmp_path / "found.json"
    sizes = ["--n", "6", "--size", "48", "--runs", "1", "--dim", "24"]
    _run(*sizes, "--work", str(tmp_path / "work"), "--json", str(found))
    numbers = json.loads(found.read_text())
    assert set(numbers["rates"]) == {"ours", "clean-fid", "torch-fidelity"}
    assert all(rate[0] > 0 for rate in numbers["rates"].values())
    assert all(difference < 1e-4 for difference in numbers["differences"].values())
    assert numbers["frechet"]["relative_difference"] < 1e-6
    memory = _run("--memory", "--n", "2", "--fresh", "0", "--work", str(tmp_path / "work"))
    assert "20 pictures: peak memory" in memory
