"""`drawbench-open`: 200 prompts of our own in DrawBench's eleven categories, with the same counts.

Each prompt tests what its category tests, and none is taken from DrawBench, PartiPrompts or GenEval. It
is a bench of its own: scores on it are not DrawBench scores. Colors, Counting and Positional use nouns and
places that the `scenes` world can draw; five of the Misspellings are garbled prompts of Descriptions, so that
the two can be compared.

The prompt file, data/drawbench_open.csv, is dedicated to the public domain under CC0-1.0.
"""

from __future__ import annotations

from importlib.resources import files

from drawbench.benches.arguments import refuse
from drawbench.options import BenchOptions
from drawbench.prompt_files import parse_csv, prompts_of_rows
from drawbench.types import Bench

VERSION = "1"


def load(argument: str = "", options: BenchOptions | None = None) -> Bench:
    """The 200 prompts, with ids "open-000" to "open-199".

    Raises:
        InputError: an argument, a prompt file or a number of prompts is given.
    """
    refuse("drawbench-open", argument=argument, options=options, unused=("prompts", "data_dir", "n"))
    rows = parse_csv(
        files("drawbench").joinpath("data/drawbench_open.csv").read_text("utf-8"), "drawbench-open"
    )
    prompts = prompts_of_rows(rows, "open", "drawbench-open")
    return Bench(
        name="drawbench-open", version=VERSION, prompts=prompts, source="part of this package (CC0-1.0)"
    )
