"""Test data that is not part of the project, and a user without files, variables or network."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

VARIABLES = ("DRAWBENCH_PROMPTS", "DRAWBENCH_PARTIPROMPTS", "DRAWBENCH_GENEVAL", "DRAWBENCH_COCO", "HF_HOME")


@pytest.fixture
def shared_file() -> Callable[[str], Path]:
    """Path of a file of the test data folder ($DRAWBENCH_TEST_DATA or ../shared/data); skips if absent."""

    def find(name: str) -> Path:
        root = Path(__file__).parents[2]
        folder = Path(os.environ.get("DRAWBENCH_TEST_DATA") or root.parent / "shared" / "data")
        if not (folder / name).is_file():
            pytest.skip(f"no {name} in {folder}; set DRAWBENCH_TEST_DATA to a folder that has it")
        return folder / name

    return find


@pytest.fixture
def bare_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with an empty cache, no variables set and no network; returns the cache folder."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "hf"))
    monkeypatch.setenv("DRAWBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
