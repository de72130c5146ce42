"""What the user names as models: run folders, or plain folders of pictures named after prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drawbench.errors import InputError
from drawbench.registry import load_bench
from drawbench.types import Prompt
from harness.manifest import MANIFEST_NAME
from harness.run_view import RunView
from human_eval_app.pictures.sources import REFERENCE, PictureSource, folder_source, run_source

MADE = "made:"


@dataclass(frozen=True, slots=True)
class ModelGiven:
    """A folder, and the model's name where the user gave one."""

    folder: Path
    name: str | None = None

    @classmethod
    def parse(cls, text: str) -> ModelGiven:
        """Reads FOLDER or NAME=FOLDER. Raises InputError where there is no such folder."""
        name, equals, rest = text.partition("=")
        given = cls(Path(text)) if not equals or Path(text).exists() else cls(Path(rest), name.strip())
        if not given.folder.is_dir():
            raise InputError(f"{given.folder} is no folder; give a run folder, or NAME=FOLDER")
        if given.name is not None and (
            not given.name or given.name == REFERENCE or given.name.startswith(MADE)
        ):
            raise InputError(f"a model cannot be called {given.name!r}; give another NAME=FOLDER")
        return given


@dataclass(frozen=True)
class Models:
    """The models of a study as given, and the prompts each was asked. `manifest` is the first run's."""

    sources: tuple[PictureSource, ...]
    prompts: Mapping[str, tuple[Prompt, ...]]
    manifest: Mapping[str, Any] | None
    bench: str
    notices: tuple[str, ...]


def load_models(given: Sequence[ModelGiven], *, bench: str | None = None, unfinished: bool = False) -> Models:
    """Reads the folders. Plain folders are asked for the prompts of `bench`, or else of the first run.

    Raises InputError where a folder comes twice or two models have one name, and what `run_source` and
    `folder_source` raise.
    """
    if not given:
        raise InputError("name at least one run folder")
    seen: set[Path] = set()
    for model in given:
        if model.folder.resolve() in seen:
            raise InputError(f"{model.folder} is given twice; a study compares different runs")
        seen.add(model.folder.resolve())
    runs = {
        place: RunView.load(model.folder)
        for place, model in enumerate(given)
        if (model.folder / MANIFEST_NAME).is_file()
    }
    first = next(iter(runs.values()), None)
    asked, bench_name = _prompts_for_folders(bench, first)
    sources: list[PictureSource] = []
    prompts: dict[str, tuple[Prompt, ...]] = {}
    for place, model in enumerate(given):
        run = runs.get(place)
        name = model.name or (run.model_name if run is not None else model.folder.resolve().name)
        if name in prompts:
            raise InputError(f"two models are called {name!r}; tell them apart as NAME={model.folder}")
        if run is not None:
            sources.append(run_source(name, run, unfinished=unfinished))
            prompts[name] = run.prompts
        elif asked is None:
            raise InputError(
                f"{model.folder} is a plain folder, whose pictures belong to prompts that are not known; "
                "give a run folder beside it, or --bench NAME"
            )
        else:
            sources.append(folder_source(name, model.folder, asked))
            prompts[name] = asked
    return Models(
        tuple(sources),
        prompts,
        None if first is None else first.manifest,
        bench_name,
        _notices(given, sources, list(runs.values())),
    )


def _prompts_for_folders(bench: str | None, first: RunView | None) -> tuple[tuple[Prompt, ...] | None, str]:
    if bench is not None:
        loaded = load_bench(bench)
        return loaded.prompts, loaded.name
    return (None, "") if first is None else (first.prompts, first.bench_name)


def _notices(
    given: Sequence[ModelGiven], sources: Sequence[PictureSource], runs: Sequence[RunView]
) -> tuple[str, ...]:
    found: list[str] = []
    by_folder = {run.folder: run for run in runs}
    for model, source in zip(given, sources, strict=True):
        run = by_folder.get(model.folder)
        if run is None:
            continue
        lacking = {name: n for name, n in run.counts.items() if n and name not in ("planned", "ok")}
        if lacking:
            what = ", ".join(f"{n} {name}" for name, n in lacking.items())
            total = run.counts["planned"]
            found.append(
                f"{source.name}: {sum(lacking.values())} of {total} samples have no picture ({what})."
            )
    if len({run.manifest["bench"]["digest"] for run in runs}) > 1:
        found.append("The runs are of different benches; only prompts with equal id and text are used.")
    for run in runs:
        found += [notice for notice in run.notices if notice not in found]
    return tuple(found)
