"""The runs of one report: their letters, their names, and the prompts that they were asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from drawbench.errors import InputError
from drawbench.types import Prompt
from harness.comparable import NotComparable
from harness.report.numbers import plain_value
from harness.run_view import RunView

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SAME_BENCH = ("name", "version", "digest")
MAX_NAMED = 3


@dataclass(frozen=True)
class Entry:
    """A run in the line-up: `letter` names it on the page, `name` says what sets it apart."""

    letter: str
    name: str
    run: RunView


@dataclass(frozen=True)
class Lineup:
    """One or more runs of one bench, in the order given; the first is what the others are set against."""

    entries: tuple[Entry, ...]

    @classmethod
    def of(cls, runs: Sequence[RunView]) -> Lineup:
        """Letters and names for `runs`.

        Raises InputError for none, for more than 26 and for one that is given twice, NotComparable where
        they are not of one bench.
        """
        if not 1 <= len(runs) <= len(LETTERS):
            raise InputError(f"a report is of 1 to {len(LETTERS)} runs, not {len(runs)}; see --index")
        folders = [run.folder.resolve() for run in runs]
        for place, folder in enumerate(folders):
            if folder in folders[:place]:
                raise InputError(f"{runs[place].folder} is given twice")
        first = runs[0].manifest["bench"]
        for run in runs[1:]:
            for field in SAME_BENCH:
                here, there = first[field], run.manifest["bench"][field]
                if here != there:
                    raise NotComparable(
                        f"{runs[0].folder} and {run.folder} are of different benches: {field} is {here} and "
                        f"{there}; drawbench report --index takes runs of any bench"
                    )
        return cls(tuple(map(Entry, LETTERS, _names(runs), runs)))

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def runs(self) -> tuple[RunView, ...]:
        """The runs in their order."""
        return tuple(entry.run for entry in self.entries)

    @property
    def bench_name(self) -> str:
        """The bench that all runs are of."""
        return self.entries[0].run.bench_name

    @cached_property
    def prompts(self) -> tuple[Prompt, ...]:
        """Every prompt that a run was asked, in the first run's order, then in the others'."""
        found: dict[str, Prompt] = {}
        for run in self.runs:
            for prompt in run.prompts:
                found.setdefault(prompt.id, prompt)
        return tuple(found.values())

    @property
    def notices(self) -> tuple[str, ...]:
        """What must be shown before everything else, of all runs."""
        return tuple(dict.fromkeys(notice for run in self.runs for notice in run.notices))


def short_spec(spec: str) -> str:
    """A model's name without the folders of its path: "folder:pictures/mine" is "folder:mine"."""
    kind, colon, path = spec.partition(":")
    name = path.rstrip("/").rpartition("/")[2]
    return f"{kind}:{name}" if colon and name else spec


def _names(runs: Sequence[RunView]) -> list[str]:
    """The model's name, with the settings in which the runs differ; seed and hash where names are alike."""
    settings = [run.manifest["settings"] for run in runs]
    keys = list(dict.fromkeys(key for given in settings for key in given))
    differing = [key for key in keys if len({plain_value(given.get(key)) for given in settings}) > 1]
    names = [short_spec(run.model_name) for run in runs]
    if len(set(names)) < len({run.model_name for run in runs}):
        names = [run.model_name for run in runs]
    if differing:
        names = [f"{name}, {_said(given, differing)}" for name, given in zip(names, settings, strict=True)]
    for extra in ("run_seed", "run_hash"):
        if len(set(names)) < len(names):
            told = [_extra(extra, run.manifest) for run in runs]
            names = [f"{name}, {what}" for name, what in zip(names, told, strict=True)]
    return names


def _said(settings: Mapping[str, Any], keys: Sequence[str]) -> str:
    parts = [f"{key} {plain_value(settings.get(key))}" for key in keys[:MAX_NAMED]]
    return ", ".join([*parts, f"{len(keys) - MAX_NAMED} more"] if len(keys) > MAX_NAMED else parts)


def _extra(field: str, manifest: Mapping[str, Any]) -> str:
    value = manifest.get(field)
    return f"seed {value}" if field == "run_seed" else f"run {str(value)[:8]}"
