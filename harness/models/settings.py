"""Checks of a model's settings, shared by the adapters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from drawbench.errors import InputError


def fill_settings(model: str, defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """`defaults` with what was given. Raises InputError on a setting that is not among them."""
    for name in given:
        if name not in defaults:
            known = ", ".join(sorted(defaults)) or "none"
            raise InputError(f"model {model} has no setting {name!r}; it has: {known}")
    return {**defaults, **given}


def number(model: str, name: str, value: Any, *, low: float) -> float:
    """`value` as a finite float of at least `low`. Raises InputError on anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{model}: {name} must be a finite number, not {value!r}")
    if value < low:
        raise InputError(f"{model}: {name} must be at least {low:g}, not {value:g}")
    return float(value)
