"""`partiprompts`: the 1,632 prompts (P2) of Yu et al. 2022, with 12 categories and 11 challenges.

Looked for in `--prompts FILE`, the environment variable DRAWBENCH_PARTIPROMPTS, the user's cache and a hub.
The original is a TSV file with the columns Prompt, Category, Challenge and Note, without quoting.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from drawbench.benches.arguments import refuse
from drawbench.benches.known_list import known_list
from drawbench.errors import InputError
from drawbench.options import BenchOptions
from drawbench.prompt_files import Row
from drawbench.sources import Wanted, find_rows
from drawbench.types import Bench, Prompt

WANTED = Wanted(
    name="PartiPrompts",
    variable="DRAWBENCH_PARTIPROMPTS",
    cache_name="partiprompts.tsv",
    hub_name="nateraw/parti-prompts",
    columns=("prompt", "category", "challenge", "note"),
)
LIST_SHA256 = "7dcf10f4c298d86c1b30455578e384e73f9873bbb88b9c930305ae996b76b874"
"""sha256 of the original's [prompt, category, challenge] triples as JSON without spaces."""


def load(argument: str = "", options: BenchOptions | None = None) -> Bench:
    """PartiPrompts with ids "parti-0000" by position; `meta` has the challenge and the note.

    Raises:
        InputError: the list is not to be had or is no PartiPrompts file; under `strict` also if it differs
            from the original.
    """
    options = options or BenchOptions()
    refuse("partiprompts", argument=argument, options=options, unused=("data_dir", "n"))
    search = find_rows(WANTED, options, accept=lambda rows: all("challenge" in _plain_meta(r) for r in rows))
    if search.found is None:
        raise InputError(
            f"PartiPrompts could not be found ({search.places}); give PartiPrompts.tsv with --prompts FILE "
            f"or {WANTED.variable}"
        )
    prompts = _prompts(search.found.rows, search.found.source)
    return known_list(
        "partiprompts",
        "PartiPrompts",
        "PartiPrompts.tsv",
        prompts,
        search.found.source,
        digest=_digest(prompts),
        original=LIST_SHA256,
        strict=options.strict,
    )


def _prompts(rows: Sequence[Row], source: str) -> tuple[Prompt, ...]:
    prompts = []
    for position, row in enumerate(rows):
        meta = _plain_meta(row)
        if "challenge" not in meta:
            raise InputError(f"{source}: no column named Challenge; this is no PartiPrompts file")
        kept = {name: meta.get(name, "") for name in ("challenge", "note")}
        prompts.append(Prompt(f"parti-{position:04d}", row.text, row.category, kept))
    return tuple(prompts)


def _plain_meta(row: Row) -> dict[str, str]:
    return {name.strip().casefold(): str(value or "").strip() for name, value in row.meta.items()}


def _digest(prompts: Sequence[Prompt]) -> str:
    triples = [[p.text, p.category, p.meta["challenge"]] for p in prompts]
    return hashlib.sha256(json.dumps(triples, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()
