"""Finds an engine by its name: a built-in one, or an entry point of group `drawbench.engines`.

What is found is a class or function that takes an `EngineOptions` and gives an Engine.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from drawbench.errors import InputError
from harness.engines import Engine

ENTRY_POINT_GROUP = "drawbench.engines"


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What an engine is told. `workers` None leaves their number to it; `address` is a cluster's.

    A worker that needs more than `worker_timeout` seconds for a batch counts as hung; None leaves it to the
    pace of the others (see `harness.engines.dispatch.Watch`).

    Raises InputError where there could be no such engine.
    """

    name: str = "local"
    workers: int | None = None
    address: str | None = None
    device: str = "auto"
    worker_timeout: float | None = None

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise InputError(f"--workers must be at least 1, not {self.workers}")
        if self.worker_timeout is not None and not self.worker_timeout > 0:
            raise InputError(f"--worker-timeout must be above 0 seconds, not {self.worker_timeout:g}")
        if self.worker_timeout is not None and self.name == "local" and (self.workers or 1) < 2:
            raise InputError(
                "--worker-timeout needs workers that can be ended: --workers 2 or more, or --engine ray"
            )
        if self.name == "local" and self.address is not None:
            raise InputError("--ray-address is of use with --engine ray only")

    def __str__(self) -> str:
        return self.name if self.workers is None else f"{self.name}, {self.workers} workers"


def _local(options: EngineOptions) -> Engine:
    from harness.engines.local import LocalEngine

    return LocalEngine(options.workers or 1, options.device, options.worker_timeout)


def _ray(options: EngineOptions) -> Engine:
    from harness.engines.ray_cluster import RayEngine

    return RayEngine(options.workers, options.address, options.device, options.worker_timeout)


_BUILT_IN: Mapping[str, tuple[Callable[[EngineOptions], Engine], str]] = {
    "local": (_local, "this machine: this process, or several with --workers"),
    "ray": (_ray, "a Ray cluster: --ray-address of one that runs, or one started on this machine"),
}


def built_in_engines() -> dict[str, str]:
    """name -> one line about it, for the suite's own engines."""
    return {name: about for name, (_, about) in _BUILT_IN.items()}


def engine_names() -> dict[str, str]:
    """name -> one line about it, for every engine that can be named; built-in ones first."""
    names = built_in_engines()
    for point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        names.setdefault(point.name, f"from {point.value}")
    return names


def make_engine(options: EngineOptions) -> Engine:
    """The engine that `options` name. Raises InputError where there is none, or where it refuses."""
    if options.name in _BUILT_IN:
        return _BUILT_IN[options.name][0](options)
    for point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        if point.name == options.name:
            try:
                factory: Callable[[EngineOptions], Engine] = point.load()
            except (ImportError, AttributeError) as error:
                raise InputError(f"engine {options.name!r}: cannot load {point.value}: {error}") from error
            return factory(options)
    raise InputError(f"unknown engine {options.name!r}; known are {', '.join(engine_names())}")
