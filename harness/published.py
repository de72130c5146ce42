"""Figures that papers published for other models: data with a source for each value."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

METRIC = "FID-30K on COCO, 256 x 256"


@dataclass(frozen=True, slots=True)
class Figure:
    """One published value of `METRIC`, lower is better. `source` is where it was read."""

    model: str
    value: float
    trained_on_coco: bool
    source: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Baseline:
    """A model that the Imagen paper compared with on DrawBench. `spec` is what to give as --model."""

    model: str
    spec: str
    way: str


def published_figures() -> tuple[Figure, ...]:
    """All of them, in the order of the data file."""
    return tuple(Figure(**entry) for entry in _data()["figure"])


def baselines() -> tuple[Baseline, ...]:
    """The paper's four opponents on DrawBench."""
    return tuple(Baseline(**entry) for entry in _data()["baseline"])


def _data() -> dict[str, Any]:
    return tomllib.loads((files("harness") / "data" / "published.toml").read_text(encoding="utf-8"))
