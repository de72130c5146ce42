"""Finding benches by name: the built-in ones and those of other packages.

A spec is "name" or "name:argument", such as "drawbench", "scenes:n=500" or "file:prompts.csv".

A package adds a bench with an entry point of the group "drawbench.benches" that is a callable
`load(argument: str, options: BenchOptions) -> Bench`; the first line of its docstring is shown in lists.
Built-in names take precedence.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from drawbench.errors import InputError
from drawbench.options import BenchOptions
from drawbench.prompt_files import SUFFIXES, is_safe_id, quoted
from drawbench.types import Bench

__all__ = ["BenchInfo", "BenchOptions", "available", "load_bench"]

GROUP = "drawbench.benches"
Loader = Callable[[str, BenchOptions], Bench]


@dataclass(frozen=True, slots=True)
class BenchInfo:
    """What a list of benches shows. `needs` is what the user must have; `source` who provides the bench."""

    name: str
    summary: str
    needs: str
    source: str


_BUILT_IN: Mapping[str, tuple[str, str]] = {
    "drawbench": (
        "The Imagen paper's 200 prompts in 11 categories, checked against the official list",
        "the prompt file, or a hub; without either it becomes drawbench-open",
    ),
    "drawbench-open": ("200 prompts of our own in DrawBench's 11 categories", "nothing"),
    "scenes": ("Generated captions with drawn pictures as the reference; scenes:n=500,seed=3", "nothing"),
    "coco": (
        "30,000 captions of COCO val2014, with its pictures as the reference",
        "a folder with annotations/captions_val2014.json and val2014/, or a data set",
    ),
    "partiprompts": ("PartiPrompts (P2): 1,632 prompts, 12 categories", "PartiPrompts.tsv, or a hub"),
    "geneval": ("GenEval: 553 prompts that a detector can check", "evaluation_metadata.jsonl"),
    "file": (
        "Prompts of your own: file:PATH",
        f"a file with one of the suffixes {', '.join(SUFFIXES)}",
    ),
}


def available() -> list[BenchInfo]:
    """All benches: the built-in ones, then those of other packages by name."""
    infos = [BenchInfo(name, summary, needs, "built-in") for name, (summary, needs) in _BUILT_IN.items()]
    for name, entry in sorted(_third_party().items()):
        package = entry.dist.name if entry.dist is not None else entry.module
        infos.append(BenchInfo(name, _summary(entry), "see its package", package))
    return infos


def load_bench(spec: str, options: BenchOptions | None = None) -> Bench:
    """The bench of a spec ("name" or "name:argument"), with options.samples_per_prompt applied.

    Raises:
        InputError: there is no such bench (names the closest ones), it cannot be loaded, or an option is of
            no use to it.
    """
    options = options or BenchOptions()
    name, _, argument = spec.partition(":")
    if options.samples_per_prompt is not None and options.samples_per_prompt < 1:
        raise InputError(f"samples per prompt is {options.samples_per_prompt}; it must be at least 1")
    if options.n is not None and options.n < 1:
        raise InputError(f"the number of prompts to draw is {options.n}; it must be at least 1")
    bench = _loader(name.strip(), spec)(argument, options)
    _check(bench, spec)
    if options.samples_per_prompt is not None:
        bench = replace(bench, samples_per_prompt=options.samples_per_prompt)
    return bench


def _loader(name: str, spec: str) -> Loader:
    if name == "scenes":
        return _scenes
    if name in _BUILT_IN:
        loader: Loader = import_module(f"drawbench.benches.{name.replace('-', '_')}").load
        return loader
    entry = _third_party().get(name)
    if entry is None:
        raise InputError(_unknown(name, spec))
    try:
        found = entry.load()
    except Exception as error:  # whatever a foreign module raises when imported
        raise InputError(
            f"bench {name} ({entry.value}) cannot be imported: {quoted(str(error), 200)}"
        ) from error
    if not callable(found):
        raise InputError(f"bench {name} ({entry.value}) is no function load(argument, options)")
    return found  # type: ignore[no-any-return]


def _scenes(argument: str, options: BenchOptions) -> Bench:
    from drawbench.benches import scenes
    from drawbench.benches.arguments import draw_of, refuse

    n, seed, rest = draw_of("scenes", argument, options)
    refuse("scenes", argument=rest, options=options, unused=("prompts", "data_dir"))
    return scenes.load(seed=seed) if n is None else scenes.load(n=n, seed=seed)


def _third_party() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP) if entry.name not in _BUILT_IN}


def _summary(entry: EntryPoint) -> str:
    try:
        return ((entry.load().__doc__ or "").strip().splitlines() or [entry.value])[0]
    except Exception as error:  # a list must not fail because of one foreign package
        return f"cannot be imported: {quoted(str(error))}"


def _unknown(name: str, spec: str) -> str:
    names = [*_BUILT_IN, *sorted(_third_party())]
    if spec.lower().endswith(SUFFIXES):
        hint = f"did you mean file:{spec}?"
    elif close := difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.5):
        hint = f"did you mean {' or '.join(close)}?"
    else:
        hint = ""
    return f"no bench named {quoted(name)}; {hint + ' ' if hint else ''}There are: {', '.join(names)}"


def _check(bench: Bench, spec: str) -> None:
    """Holds every bench, and those of other packages above all, to what the rest relies on."""
    if not isinstance(bench, Bench):
        raise InputError(f"bench {spec} gave a {type(bench).__name__} where a Bench is needed")
    if not bench.prompts:
        raise InputError(f"bench {spec} has no prompts")
    seen: set[str] = set()
    for prompt in bench.prompts:
        if not is_safe_id(prompt.id):
            raise InputError(f"bench {spec}: the prompt id {quoted(prompt.id)} cannot be a file name")
        if prompt.id.casefold() in seen:
            raise InputError(f"bench {spec}: two prompts have the id {quoted(prompt.id)}")
        seen.add(prompt.id.casefold())
