"""`geneval`: the 553 prompts of Ghosh et al. 2023, with the fields by which a detector checks the pictures.

The file is evaluation_metadata.jsonl of the GenEval project: one object a line with `tag`, `prompt`,
`include` and sometimes `exclude`. Looked for in `--prompts FILE`, the environment variable DRAWBENCH_GENEVAL
and the user's cache. The project makes four pictures of each prompt; here one unless more are asked for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from drawbench.benches.arguments import refuse
from drawbench.benches.known_list import known_list
from drawbench.errors import InputError
from drawbench.options import BenchOptions
from drawbench.prompt_files import Row
from drawbench.sources import Wanted, find_rows
from drawbench.types import Bench, Prompt

WANTED = Wanted(name="GenEval", variable="DRAWBENCH_GENEVAL", cache_name="geneval.jsonl")
LIST_SHA256 = "010f2e9a62a68a9069150764f9736bb5063b869f799ba1a6239e35e561f75aa0"
"""sha256 of the original's objects as one JSON array with sorted keys and without spaces."""


def load(argument: str = "", options: BenchOptions | None = None) -> Bench:
    """GenEval with ids "geneval-000" by position; category is the tag, `meta` all fields but the prompt.

    Raises:
        InputError: the list is not to be had, a line lacks what the checks need, or, under `strict`, the
            list differs from the original.
    """
    options = options or BenchOptions()
    refuse("geneval", argument=argument, options=options, unused=("data_dir", "n"))
    search = find_rows(WANTED, options)
    if search.found is None:
        raise InputError(
            f"GenEval could not be found ({search.places}); give evaluation_metadata.jsonl with --prompts "
            f"FILE or {WANTED.variable}"
        )
    source = search.found.source
    prompts = tuple(_prompt(position, row, source) for position, row in enumerate(search.found.rows))
    return known_list(
        "geneval",
        "GenEval",
        "evaluation_metadata.jsonl",
        prompts,
        source,
        digest=_digest(prompts),
        original=LIST_SHA256,
        strict=options.strict,
    )


def _prompt(position: int, row: Row, source: str) -> Prompt:
    problem = _problem(row.meta)
    if problem:
        raise InputError(f"{source}, line {row.line}: {problem}; this is no GenEval line")
    return Prompt(f"geneval-{position:03d}", row.text, str(row.meta["tag"]), row.meta)


def _problem(meta: Mapping[str, Any]) -> str:
    if not isinstance(meta.get("tag"), str):
        return "no tag"
    for name in ("include", "exclude"):
        objects = meta.get(name, [] if name == "exclude" else None)
        if not isinstance(objects, list) or (name == "include" and not objects):
            return f"{name} is not a list of objects"
        for item in objects:
            if not isinstance(item, dict) or not isinstance(item.get("class"), str):
                return f"{name} has an entry without a class"
            count = item.get("count")
            if isinstance(count, bool) or not isinstance(count, int) or count < 1:
                return f"{name} has an entry without a count"
    return ""


def _digest(prompts: Sequence[Prompt]) -> str:
    objects = [{**p.meta, "prompt": p.text} for p in prompts]
    text = json.dumps(objects, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
