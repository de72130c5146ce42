"""`file:PATH`: prompts from a CSV, TSV, JSONL or TXT file of the user (formats: `drawbench.prompt_files`)."""

from __future__ import annotations

from pathlib import Path

from drawbench.benches.arguments import refuse
from drawbench.errors import InputError
from drawbench.official import list_digest
from drawbench.options import BenchOptions
from drawbench.prompt_files import prompts_of_rows, quoted, read_rows, safe_name, unique_prompts
from drawbench.types import Bench


def load(argument: str = "", options: BenchOptions | None = None) -> Bench:
    """The prompts of the file `argument`, as the bench "file-<name of the file>".

    Rows without an id get "<name of the file>-0000" and so on by position. Text of any length loads; what
    a model cuts off is the model's to report.

    Raises:
        InputError: no path is given, the file cannot be used, or it repeats a prompt or an id.
    """
    refuse("file", argument="", options=options, unused=("prompts", "data_dir", "n"))
    if not argument.strip():
        raise InputError("bench file needs a path; write file:PATH, such as file:prompts.csv")
    path = Path(argument).expanduser()
    rows = read_rows(path)
    unique_prompts(rows, quoted(path))
    prompts = prompts_of_rows(rows, path.stem, quoted(path))
    return Bench(
        name=f"file-{safe_name(path.stem)}",
        version=list_digest([(p.text, p.category) for p in prompts])[:12],
        prompts=prompts,
        source=f"file {path}",
    )
