import importlib.metadata
from typing import Any

import pytest

from drawbench.errors import InputError
from harness.engines.local import LocalEngine
from harness.engines.ray_cluster import RayEngine
from harness.engines.registry import ENTRY_POINT_GROUP, EngineOptions, engine_names, make_engine


def test_built_in_engines() -> None:
    assert make_engine(EngineOptions()) == LocalEngine(1)
    assert make_engine(EngineOptions("local", 4, device="cpu")) == LocalEngine(4, "cpu")
    assert make_engine(EngineOptions("ray", 2, "host:6379")) == RayEngine(2, "host:6379")
    assert list(engine_names())[:2] == ["local", "ray"]


def test_engines_of_other_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        importlib.metadata.EntryPoint(name, value, ENTRY_POINT_GROUP)
        for name, value in (
            ("mine", "harness.engines.ray_cluster:RayEngine"),
            ("gone", "nowhere.at_all:Engine"),
        )
    ]

    def entry_points(group: str) -> list[Any]:
        return points if group == ENTRY_POINT_GROUP else []

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    options = EngineOptions("mine")
    assert make_engine(options) == RayEngine(options)  # type: ignore[arg-type]
    assert engine_names()["mine"] == "from harness.engines.ray_cluster:RayEngine"
    with pytest.raises(InputError, match=r"engine 'gone': cannot load nowhere\.at_all:Engine"):
        make_engine(EngineOptions("gone"))


def test_what_cannot_be() -> None:
    with pytest.raises(InputError, match="unknown engine 'slurm'; known are local, ray"):
        make_engine(EngineOptions("slurm"))
    with pytest.raises(InputError, match="--workers must be at least 1"):
        EngineOptions(workers=0)
    with pytest.raises(InputError, match="of use with --engine ray only"):
        EngineOptions(address="auto")
    with pytest.raises(InputError, match="--worker-timeout must be above 0"):
        EngineOptions(workers=2, worker_timeout=0.0)
    with pytest.raises(InputError, match="--worker-timeout needs workers"):
        EngineOptions(worker_timeout=60.0)
