"""The benchmark of metrics, at a size at which it says nothing about speed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_it_times_all_three_and_their_distances_agree(tmp_path: Path) -> None:
    pytest.importorskip("cleanfid")
    pytest.importorskip("torch_fidelity")
    found = tmp_path / "found.json"
    settings = {
        "cwd": ROOT,
        "env": {**os.environ, "PYTHONPATH": str(ROOT)},
        "capture_output": True,
        "text": True,
    }
    options = ["--n", "6", "--size", "48", "--runs", "1", "--dim", "24", "--work", str(tmp_path / "work")]
    script = [sys.executable, str(ROOT / "benchmarks" / "metrics_speed.py")]
    done = subprocess.run([*script, *options, "--json", str(found)], **settings)
    assert done.returncode == 0, done.stderr
    numbers = json.loads(found.read_text())
    assert set(numbers["rates"]) == {"ours", "clean-fid", "torch-fidelity"}
    assert all(rate[0] > 0 for rate in numbers["rates"].values())
    assert all(difference < 1e-4 for difference in numbers["differences"].values())
    assert numbers["frechet"]["relative_difference"] < 1e-6

    options = ["--memory", "--n", "2", "--fresh", "0", "--work", str(tmp_path / "work")]
    done = subprocess.run([*script, *options], **settings)
    assert done.returncode == 0, done.stderr
    assert "20 pictures: peak memory" in done.stdout
