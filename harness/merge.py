"""Puts the shards of a run together: the run that one process would have made, to the last byte.

Only the seconds that samples took, and the manifest's record of where they were made, tell the two apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drawbench.errors import InputError
from harness.atomic import writing_to
from harness.ledger import read_ledger
from harness.manifest import (
    MANIFEST_NAME,
    check_same_configuration,
    configuration_of,
    first_difference,
    read_manifest,
    write_manifest,
)
from harness.picture_place import content_hash
from harness.plan import configuration_hash, run_name
from harness.progress import Progress
from harness.store import RunStore
from harness.types import Sample

GROUP = 256
OF_THE_SESSION = (
    "created",
    "command",
    "batch_size",
    "engine",
    "git_commit",
    "versions",
    "machine",
    "resumed",
)

Place = tuple[str, int]


@dataclass(frozen=True)
class Merged:
    """What was put together, in samples.

    `overlapping` are in more than one shard, `missing` in none, and `damaged` in one whose picture is gone or
    is not that of its ledger line; these are left out, so they count as missing too.
    """

    planned: int
    merged: int
    overlapping: int
    missing: int
    damaged: int


def merge_runs(folders: Sequence[Path], out: Path, progress: Progress) -> Merged:
    """Writes the run that `folders` are the shards of to `out`; takes up what an earlier call began there.

    Raises InputError, naming the field, where two of them are of different runs; where two have different
    pictures of one sample; and where `out` is one of them or holds something else.
    """
    manifests = [read_manifest(folder) for folder in folders]
    whole = _without_shard(configuration_of(manifests[0]))
    for folder, manifest in zip(folders, manifests, strict=True):
        difference = first_difference(whole, _without_shard(configuration_of(manifest)))
        if difference is not None:
            field, there, here = difference
            raise InputError(
                f"{folders[0]} and {folder} are of different runs: {field} is {there!r} in the first and "
                f"{here!r} in the other"
            )
    _check_out(out, folders, whole)
    manifest = _merged_manifest(manifests, whole)
    histories, homes, overlapping = _gather(folders, manifest)
    with RunStore(out) as store:
        if not (out / MANIFEST_NAME).exists():
            with writing_to(out):
                write_manifest(out, manifest)
        damaged = _write(store, histories, homes, progress)
        if not damaged:
            store.mark_checked()
    merged = len(histories) - damaged
    return Merged(manifest["planned"], merged, overlapping, manifest["planned"] - merged, damaged)


def _without_shard(configuration: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in configuration.items() if name != "shard"}


def _check_out(out: Path, folders: Sequence[Path], whole: Mapping[str, Any]) -> None:
    if any(out.resolve() == folder.resolve() for folder in folders):
        raise InputError(f"--out {out} is one of the runs to merge; give a new folder")
    if (out / MANIFEST_NAME).exists():
        check_same_configuration(out, whole)
    elif out.exists() and (not out.is_dir() or any(path.name != ".lock" for path in out.iterdir())):
        raise InputError(f"--out {out} is there already and is no run folder; give a new folder")


def _merged_manifest(manifests: Sequence[Mapping[str, Any]], whole: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest of the whole run. `merged` has an entry for each shard: where and how it was made."""
    manifest = {name: value for name, value in manifests[0].items() if name != "shard"}
    manifest["options"] = {**manifest.get("options", {}), "shard": None}
    return {
        **manifest,
        "name": run_name(whole),
        "run_hash": configuration_hash(whole),
        "planned": len(manifest["bench"]["prompts"]) * manifest["samples_per_prompt"],
        "resumed": [],
        "merged": [
            {"shard": m.get("shard", "1/1"), **{name: m[name] for name in OF_THE_SESSION if name in m}}
            for m in manifests
        ],
    }


def _gather(
    folders: Sequence[Path], manifest: Mapping[str, Any]
) -> tuple[dict[Place, list[Sample]], dict[Place, list[Path]], int]:
    """Each sample's ledger lines and the folders with its picture, in the plan's order; how many overlap."""
    found: dict[Place, list[Sample]] = {}
    homes: dict[Place, list[Path]] = {}
    overlapping: set[Place] = set()
    for folder in folders:
        here: dict[Place, list[Sample]] = {}
        for sample in read_ledger(folder):
            here.setdefault((sample.prompt_id, sample.index), []).append(sample)
        for place, lines in here.items():
            if place in found:
                overlapping.add(place)
                one, other = found[place][-1], lines[-1]
                if one.status == other.status == "ok" and one.sha256 != other.sha256:
                    raise InputError(
                        f"{homes[place][0]} and {folder} have different pictures of prompt {place[0]}, index "
                        f"{place[1]}: they were made on unlike devices or by unlike versions; leave one out"
                    )
                if one.status == other.status == "ok":
                    homes[place].append(folder)
                if one.status == "ok" or other.status != "ok":
                    continue
            found[place], homes[place] = lines, [folder]
    places = [
        (entry["id"], index)
        for entry in manifest["bench"]["prompts"]
        for index in range(manifest["samples_per_prompt"])
    ]
    return {place: found[place] for place in places if place in found}, homes, len(overlapping)


def _write(
    store: RunStore,
    histories: Mapping[Place, Sequence[Sample]],
    homes: Mapping[Place, Sequence[Path]],
    progress: Progress,
) -> int:
    """Copies pictures and writes ledger lines that are not there yet; returns how many are damaged.

    The lines are in the order of a run that was never interrupted: each round of drawing in the plan's order.
    """
    there: dict[Place, int] = {}
    for line in store.lines:
        there[line.prompt_id, line.index] = there.get((line.prompt_id, line.index), 0) + 1
    settled = store.settled()
    damaged = 0
    rounds = max((len(lines) for lines in histories.values()), default=0)
    with progress.stage("merging", sum(map(len, histories.values()))) as advance:
        for number in range(rounds):
            places = [place for place, lines in histories.items() if len(lines) > number]
            for start in range(0, len(places), GROUP):
                group = places[start : start + GROUP]
                pictures, lines = [], []
                for place in group:
                    sample, last = histories[place][number], number == len(histories[place]) - 1
                    if last and sample.status == "ok" and settled.get(place) != sample:
                        picture = _picture(homes[place], sample)
                        if picture is None:
                            damaged += 1
                            continue
                        pictures.append((str(sample.path), picture))
                    if number >= there.get(place, 0):
                        lines.append(sample)
                store.place.write(pictures)
                store.record(lines)
                advance(len(group))
    return damaged


def _picture(folders: Sequence[Path], sample: Sample) -> bytes | None:
    """The picture's bytes from the first folder where they are those of the ledger line; None without any."""
    for folder in folders:
        try:
            data = (folder / str(sample.path)).read_bytes()
        except OSError:
            continue
        if content_hash(data) == sample.sha256:
            return data
    return None
