"""Computes reference statistics from a folder of pictures, in memory that does not grow with their number."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from drawbench.errors import InputError
from harness.decode import conversion_remark
from harness.extractors.base import ImageExtractor
from harness.features import Item, environment, image_features
from harness.framing import Framing
from harness.moments import Moments
from harness.picture_folders import drawn, listed_files, picture_files, shown
from harness.reference import check_enough, framed, pictures_identity, unreadable_remark
from harness.reference_stats import ExtractorStats, write_stats
from harness.rows import Vectors, as_rows

_BLOCK = 1024  # pictures whose features are in memory at a time


@dataclass(frozen=True)
class ReferencePlan:
    """What statistics are made of. Raises InputError on what can never be right.

    `folder` holds the pictures; `names_file` lists those to take, `n` draws so many with `seed`. Each is
    brought to `framing`. `keep` features of single pictures are stored as well, drawn with `seed`.
    """

    folder: Path
    out: Path
    framing: Framing = field(default_factory=Framing)
    n: int | None = None
    seed: int = 0
    names_file: Path | None = None
    keep: int = 0

    def __post_init__(self) -> None:
        if self.out.suffix != ".npz":
            raise InputError(f"--out {self.out} must end in .npz")
        if self.out.exists():
            raise InputError(f"--out {self.out} exists already; remove it or give another name")
        if not (self.out.parent.is_dir() and os.access(self.out.parent, os.W_OK)):
            raise InputError(f"--out {self.out}: {self.out.parent} is no folder that can be written to")

    def files(self) -> list[Path]:
        """The pictures in the order in which they are read. Raises InputError where there are not two."""
        if not self.folder.is_dir():
            raise InputError(f"{shown(self.folder)} is not a folder")
        names = self.names_file
        every = picture_files(self.folder) if names is None else listed_files(self.folder, names)
        chosen = drawn(every, self.n, self.seed)
        if len(chosen) < 2:
            raise InputError(f"{shown(self.folder)}: statistics need at least 2 pictures, not {len(chosen)}")
        return chosen


@dataclass(frozen=True)
class BuiltReference:
    """What was written: the file's `provenance`, its extractors' identities, and remarks for people."""

    provenance: Mapping[str, Any]
    extractors: Mapping[str, str]
    remarks: tuple[str, ...]


def build_reference(
    plan: ReferencePlan,
    extractors: Sequence[ImageExtractor],
    *,
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> BuiltReference:
    """Reads the pictures once, writes `plan.out`, whole or not at all, and says what it holds.

    Features go through the cache, so an interrupted build goes on where it was. A picture that cannot be
    read is left out and counted. `progress(done, total)` counts pictures. Raises InputError where fewer than
    2 can be read, and OSError where the file cannot be written.
    """
    files = plan.files()
    kept = _sample(len(files), plan.keep, plan.seed)
    seen = framed(extractors, plan.framing)
    moments = {e.name: Moments(0, np.zeros(e.dim), np.zeros((e.dim, e.dim))) for e in seen}
    rows: dict[str, list[Vectors]] = {e.name: [] for e in seen}
    used: list[Path] = []
    sha256: list[str] = []
    failed: list[tuple[int, str]] = []
    for start in range(0, len(files), _BLOCK):
        block = files[start : start + _BLOCK]
        found = image_features(
            [Item(path) for path in block], seen, device=device, progress=_from(start, len(files), progress)
        )
        failed += [(start + place, reason) for place, reason in found.failed]
        used += [block[place] for place in found.kept]
        sha256 += found.sha256
        wanted = np.flatnonzero([start + place in kept for place in found.kept])
        for name in moments:
            features = as_rows(found.features[name])
            moments[name] += Moments.of(features)
            rows[name].append(features.take(wanted))
    check_enough(files, failed, shown(plan.folder))
    provenance = _provenance(plan, used, sha256, len(failed))
    stats = {
        e.name: ExtractorStats(
            e.identity, moments[e.name], np.concatenate(rows[e.name]) if plan.keep else None
        )
        for e in extractors
    }
    write_stats(plan.out, provenance, stats)
    remarks = (
        *unreadable_remark(files, failed, "pictures"),
        *conversion_remark(used, "pictures"),
    )
    return BuiltReference(provenance, {e.name: e.identity for e in extractors}, remarks)


def _sample(n: int, keep: int, seed: int) -> frozenset[int]:
    places = np.random.default_rng(seed).permutation(n)[:keep]
    return frozenset(int(place) for place in places)


def _provenance(
    plan: ReferencePlan, used: Sequence[Path], sha256: Sequence[str], unreadable: int
) -> dict[str, Any]:
    names = [shown(path.relative_to(plan.folder).as_posix()) for path in used]
    listing = json.dumps(list(zip(names, sha256, strict=True)), ensure_ascii=False)
    chosen = None if plan.names_file is None else hashlib.sha256(plan.names_file.read_bytes()).hexdigest()
    return {
        "identity": pictures_identity(sha256, plan.framing),
        "n": len(used),
        "unreadable": unreadable,
        "names_and_sha256": hashlib.sha256(listing.encode()).hexdigest(),
        "size": plan.framing.size,
        "crop": plan.framing.crop,
        "resize": plan.framing.resize if plan.framing.size else None,
        "drawn": plan.n,
        "seed": plan.seed if plan.n or plan.keep else None,
        "list_sha256": chosen,
        "environment": environment(),
    }


def _from(
    start: int, total: int, progress: Callable[[int, int], None] | None
) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    tell = progress
    return lambda done, _: tell(start + done, total)
