"""`drawbench describe`: what a preset of the built-in model is and costs."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.exits import FINE
from harness.flags import JsonFlag


def describe(
    presets: Annotated[
        list[str] | None, typer.Argument(metavar="PRESET", help="All, in one line each, without it.")
    ] = None,
    as_json: JsonFlag = False,
) -> int:
    """Shows what a preset of the built-in model is and costs: parameters, arithmetic, memory, levels."""
    from harness.models.imagen import describe_presets

    print(describe_presets(presets or (), as_json))
    return FINE
