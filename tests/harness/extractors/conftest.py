"""Saved random weights of Inception, made once for all tests."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@dataclass(frozen=True)
class Weights:
    """A folder with `script` (TorchScript) and `state` (a state dict), the same weights in both."""

    folder: Path
    script: Path
    state: Path
    clean_fids_network: Any


@pytest.fixture(scope="session")
def inception_weights(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    pytest.importorskip("cleanfid")
    folder = tmp_path_factory.mktemp("inception")
    spec = importlib.util.spec_from_file_location("random_inception", BENCHMARKS / "random_inception.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    made.write_weights(folder)
    return Weights(folder, folder / made.SCRIPT_NAME, folder / made.STATE_NAME, made.clean_fids_network)
