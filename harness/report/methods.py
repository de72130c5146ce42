"""All that made the numbers: identities, versions, seeds, hashes, commands; first what the runs differ in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.report.lineup import Lineup
from harness.report.numbers import plain_value
from harness.run_log import stages_in_words
from harness.run_view import RunView

WHEN_AND_WHERE = ("Seconds", "Work of the last session", "Cost", "Machine")
OF_THE_FOLDER = ("name", "run hash", "created", "command", "resumed")
"""What two runs can never share, or what says nothing of the pictures: not told among the differences."""


@dataclass(frozen=True)
class Fact:
    """A name with what each run says: (letters, value), one pair where all agree and no letters then."""

    name: str
    values: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class MethodsPart:
    """A heading with its facts."""

    heading: str
    facts: tuple[Fact, ...]


def methods(lineup: Lineup) -> Iterator[MethodsPart]:
    """Every part that any run has something to say in, the differences between the runs at the head."""
    told = [dict(run_methods(run)) for run in lineup.runs]
    headings = list(dict.fromkeys(heading for parts in told for heading in parts))
    letters = [entry.letter for entry in lineup.entries]
    parts = [
        MethodsPart(heading, tuple(_facts(letters, [dict(t.get(heading, ())) for t in told])))
        for heading in headings
    ]
    if len(lineup) > 1:
        yield MethodsPart("What differs between the runs", tuple(_differing(parts)))
    yield from (part for part in parts if part.facts)


def run_methods(run: RunView) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """One run's facts as (heading, [(name, value), ...])."""
    manifest, summary = run.manifest, run.summary
    bench = {**manifest["bench"], "prompts asked": len(run.prompts)}
    settled = {name: summary[name] for name in ("on_failure", "drawn_again") if name in summary}
    seconds = {**summary.get("timings", {}), "a picture": summary.get("seconds_per_picture")}
    apart = {"schema", "model", "bench", "settings", "versions", "machine"}
    yield "Run", [*_flat({k: v for k, v in manifest.items() if k not in apart}), *_flat(settled)]
    yield "Model", list(_flat(manifest["model"]))
    yield "Bench", list(_flat({k: v for k, v in bench.items() if k not in ("prompts", "notices")}))
    yield "Settings", list(_flat(manifest["settings"]))
    overall = [score for score in run.scores if score.category is None]
    yield "Metrics", [(score.metric, f"{score.identity}; interval: {score.method}") for score in overall]
    yield "Versions", list(_flat(manifest.get("versions", {})))
    yield "Machine", list(_flat(manifest.get("machine", {})))
    yield "Seconds", list(_flat({k: v for k, v in seconds.items() if v is not None}))
    yield "Work of the last session", stages_in_words(summary.get("stages", []))
    if summary.get("cost") is not None:
        yield "Cost", [("all pictures", f"{summary['cost']:.2f} US dollars")]


def _facts(letters: Sequence[str], told: Sequence[Mapping[str, str]]) -> Iterator[Fact]:
    for name in dict.fromkeys(name for facts in told for name in facts):
        by_value: dict[str, list[str]] = {}
        for letter, facts in zip(letters, told, strict=True):
            by_value.setdefault(facts.get(name, "not stated"), []).append(letter)
        if len(by_value) == 1:
            yield Fact(name, (("", next(iter(by_value))),))
        else:
            yield Fact(name, tuple((", ".join(who), value) for value, who in by_value.items()))


def _differing(parts: Sequence[MethodsPart]) -> Iterator[Fact]:
    for part in parts:
        if part.heading in WHEN_AND_WHERE:
            continue
        for fact in part.facts:
            if len(fact.values) > 1 and not fact.name.startswith(OF_THE_FOLDER):
                yield Fact(f"{part.heading}: {fact.name}", fact.values)


def _flat(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Nested mappings, and lists of them, as ("outer inner", value) pairs; what is empty is left out."""
    if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        value = {str(number): item for number, item in enumerate(value, start=1)}
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{name} {key}".strip())
    elif value not in (None, [], ""):
        yield name.replace("_", " "), plain_value(value)
