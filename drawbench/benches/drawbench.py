"""`drawbench`: the 200 prompts of the Imagen paper in 11 categories (Saharia et al. 2022, section 3, app. C).

The list has no stated licence and is not part of this package. It is looked for in this order:
`--prompts FILE`, the environment variable DRAWBENCH_PROMPTS, the user's cache, a copy on a hub. What is
found is compared with the official list by hashes (see `drawbench.official`), so there are four outcomes:

- the official list: bench "drawbench";
- a variant with at most 20 other prompts: bench "drawbench-variant", with a notice that names them;
- any other list, only if the user named it: bench "drawbench-custom", with a notice;
- nothing: bench "drawbench-open" with a notice.

Under `strict` everything but the first is an error. The paper shows raters 8 pictures of each prompt; here
one is made unless more are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from drawbench.benches import drawbench_open
from drawbench.benches.arguments import refuse
from drawbench.errors import InputError
from drawbench.official import DRAWBENCH_LIST_SHA256, Verdict, compare_with_drawbench, list_digest
from drawbench.options import BenchOptions
from drawbench.prompt_files import Row, prompts_of_rows, unique_prompts
from drawbench.sources import Found, Search, Wanted, find_rows
from drawbench.types import Bench, Prompt

WANTED = Wanted(
    name="DrawBench",
    variable="DRAWBENCH_PROMPTS",
    cache_name="drawbench.csv",
    hub_name="sayakpaul/drawbench",
)
HOW_TO_GIVE = "give the official prompt file with --prompts FILE or DRAWBENCH_PROMPTS"


def load(argument: str = "", options: BenchOptions | None = None) -> Bench:
    """DrawBench as far as it can be had; ids "drawbench-000" to "drawbench-199" by official position.

    Raises:
        InputError: a file that the user names cannot be used; or, under `strict`, the official list is not
            to be had; or a custom list repeats a prompt.
    """
    options = options or BenchOptions()
    refuse("drawbench", argument=argument, options=options, unused=("data_dir", "n"))
    search = find_rows(WANTED, options, accept=_resembles_drawbench)
    if search.found is None:
        return _fall_back(search, options)
    verdict = compare_with_drawbench(search.found.rows)
    if verdict.kind == "official":
        return Bench(
            name="drawbench",
            version=f"official-{DRAWBENCH_LIST_SHA256[:12]}",
            prompts=_by_position(verdict.rows),
            source=_with_remark(search.found.source, verdict.remark),
        )
    if options.strict:
        raise InputError(
            f"{search.found.source} is not the official DrawBench list: {verdict.remark}; {HOW_TO_GIVE}, "
            "or leave out --strict"
        )
    return _other_list(search.found, verdict)


def _other_list(found: Found, verdict: Verdict) -> Bench:
    name = f"drawbench-{verdict.kind}"
    unique_prompts(verdict.rows, found.source)
    if verdict.kind == "variant":
        prompts = _by_position(verdict.rows)
    else:
        rows = [replace(row, meta={}) for row in verdict.rows]
        prompts = prompts_of_rows(rows, name, found.source)
    digest = list_digest([(p.text, p.category) for p in prompts])
    notice = (
        f"NOTICE: {found.source} is not the official DrawBench list; this run uses it as {name}, and its "
        f"scores are not DrawBench scores. {verdict.remark}."
    )
    return Bench(
        name=name,
        version=f"{verdict.kind}-{digest[:12]}",
        prompts=prompts,
        notices=(notice,),
        source=found.source,
    )


def _fall_back(search: Search, options: BenchOptions) -> Bench:
    if options.strict:
        raise InputError(
            f"the official DrawBench prompts could not be found ({search.places}); {HOW_TO_GIVE}, or leave "
            "out --strict to run drawbench-open instead"
        )
    notice = (
        "NOTICE: the official DrawBench prompts could not be found; this run uses drawbench-open, 200 "
        "prompts of our own in the same 11 categories, and its scores are not DrawBench scores. Looked at: "
        f"{search.places}. To run DrawBench, {HOW_TO_GIVE}."
    )
    bench = drawbench_open.load()
    return replace(bench, notices=(notice, *bench.notices))


def _resembles_drawbench(rows: Sequence[Row]) -> bool:
    return compare_with_drawbench(rows).kind != "custom"


def _by_position(rows: Sequence[Row]) -> tuple[Prompt, ...]:
    return tuple(
        Prompt(id=f"drawbench-{position:03d}", text=row.text, category=row.category)
        for position, row in enumerate(rows)
    )


def _with_remark(source: str, remark: str) -> str:
    return f"{source} ({remark})" if remark else source
