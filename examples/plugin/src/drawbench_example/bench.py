"""A bench: a list of prompts."""

from __future__ import annotations

from drawbench.errors import InputError
from drawbench.options import BenchOptions
from drawbench.types import Bench, Prompt
from drawbench_example import PAINTS

THINGS = ("cube", "ball", "house")


def load(argument: str, options: BenchOptions) -> Bench:
    """Plain things in plain colours, 12 prompts."""
    if argument:
        raise InputError("bench colours takes no argument")
    prompts = tuple(
        Prompt(id=f"{word}-{thing}", text=f"a {word} {thing}", category=thing, meta={"colour": word})
        for thing in THINGS
        for word in PAINTS
    )
    return Bench(name="colours", version="1", prompts=prompts, source="drawbench-example")
