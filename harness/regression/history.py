"""A named baseline's history: one JSON line an event, append-only, each with the hash of the line before.

A changed, removed or inserted line breaks the chain and is refused. A line that a crash tore at the end of
the file is cut off by the next event.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from drawbench.errors import InputError
from harness.atomic import writing_to
from harness.lock import FolderLock
from harness.manifest import now
from harness.types import canonical_json

HISTORY_NAME = "history.jsonl"
SCHEMA = 1
Kind = Literal["add", "promote", "compare"]
_COMMITS = ("GITHUB_SHA", "CI_COMMIT_SHA")


@dataclass(frozen=True, slots=True)
class Point:
    """A metric's score over all prompts at an event; `low` and `high` are None where they cannot be said."""

    metric: str
    value: float
    low: float | None
    high: float | None
    n: int
    identity: str
    direction: str


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the history.

    "add" and "promote" make a kept run, `entry`, the baseline; "compare" records a candidate's scores and the
    `outcome` of its comparison with the baseline of that time. `commit` is that of the working directory.
    """

    kind: Kind
    time: str
    run: str
    run_hash: str
    model: str
    commit: str
    scores: tuple[Point, ...]
    entry: str | None = None
    outcome: str | None = None
    note: str = ""


def read_history(folder: Path) -> tuple[Event, ...]:
    """All events, oldest first; none where there is no history.

    Raises InputError, naming the line, where a line was altered or does not follow from the one before.
    """
    path = folder / HISTORY_NAME
    if not path.is_file():
        return ()
    events = []
    previous = ""
    for number, line in enumerate(_whole_lines(path.read_bytes()), start=1):
        try:
            entry = json.loads(line)
            if entry.pop("schema") != SCHEMA:
                raise ValueError(f"it is not of schema {SCHEMA}")
            if entry.pop("previous") != previous:
                raise ValueError("it does not follow from the line before")
            if entry.pop("sha256") != _digest(entry, previous):
                raise ValueError("it was altered")
            scores = tuple(Point(**point) for point in entry.pop("scores"))
            events.append(Event(scores=scores, **entry))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path}, line {number}: {error}; take the file from version control") from None
        previous = hashlib.sha256(line).hexdigest()
    return tuple(events)


def append_event(folder: Path, event: Event) -> None:
    """Adds an event; it is on the disk on return. Raises InputError where the history is damaged."""
    path = folder / HISTORY_NAME
    with writing_to(folder), FolderLock(folder):
        read_history(folder)
        data = path.read_bytes() if path.is_file() else b""
        whole = _whole_lines(data)
        previous = hashlib.sha256(whole[-1]).hexdigest() if whole else ""
        plain = json.loads(json.dumps(asdict(event), allow_nan=False))
        entry = {"schema": SCHEMA, **plain, "previous": previous, "sha256": _digest(plain, previous)}
        line = json.dumps(entry, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        with path.open("r+b" if path.is_file() else "wb") as file:
            file.truncate(sum(len(one) + 1 for one in whole))
            file.seek(0, os.SEEK_END)
            file.write(line)
            file.flush()
            os.fsync(file.fileno())


def new_event(
    kind: Kind,
    manifest: Mapping[str, Any],
    scores: Sequence[Point],
    *,
    entry: str | None = None,
    outcome: str | None = None,
    note: str = "",
) -> Event:
    """An event of now, at the commit of the working directory, about the run of a manifest."""
    return Event(
        kind,
        now(),
        str(manifest["name"]),
        str(manifest["run_hash"]),
        str(manifest["model"].get("spec", "")),
        commit_here(),
        tuple(scores),
        entry,
        outcome,
        note,
    )


def commit_here() -> str:
    """The commit that a pipeline says it works on, else that of the working directory, else ""."""
    told = next((os.environ[name] for name in _COMMITS if os.environ.get(name)), "")
    if told:
        return told
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _whole_lines(data: bytes) -> list[bytes]:
    return data.split(b"\n")[:-1]


def _digest(entry: Mapping[str, Any], previous: str) -> str:
    return hashlib.sha256((previous + canonical_json(entry)).encode()).hexdigest()
