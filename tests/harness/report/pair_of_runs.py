"""Runs of one bench that differ in a setting, for the tests of reports on several runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.run_view import RunView
from harness.types import Score

MakeRun = Callable[..., Path]
TEXTS = {
    "Colours": ["a red cube", "a blue_cube"],
    "Counts": ["two cats", "nine dogs | birds", "six <b>fish</b>"],
}
COUNT = 5
IDENTITY = "align_conse[lite0|k=50|png]"


def score(value: float, category: str | None = None, **changes: Any) -> Score:
    """A score with an interval of 0.05 to both sides."""
    fields: dict[str, Any] = {
        "metric": "align_conse",
        "value": value,
        "low": value - 0.05,
        "high": value + 0.05,
        "n": 10,
        "identity": IDENTITY,
        "direction": "higher",
        "method": "t over prompts",
        "category": category,
    }
    return Score(**{**fields, **changes})


def make_scored(
    make_run: MakeRun,
    name: str,
    shift: float,
    *,
    texts: Mapping[str, Sequence[str]] = TEXTS,
    settings: Mapping[str, Any] | None = None,
    **changes: Any,
) -> RunView:
    """A run whose pictures have values that are `shift` above those of shift 0, less a little noise."""
    values = {
        (f"p{n:03d}", i): 0.5 + 0.05 * n + 0.01 * i + shift + 0.001 * n * i
        for n in range(COUNT)
        for i in (0, 1)
    }
    arguments: dict[str, Any] = {
        "samples_per_prompt": 2,
        "values": values,
        "scores": [score(0.6 + shift), score(0.55 + shift, "Colours"), score(0.65 + shift, "Counts")],
        "name": name,
        "settings": settings or {"guidance_scale": 1.5},
    }
    return RunView.load(make_run(texts, **{**arguments, **changes}))
