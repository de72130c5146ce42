"""The ledger of a run: one JSON line a sample, only ever appended to.

A line counts once it ends in a newline. What a killed process left after the last newline is a torn line:
readers pass over it, and the next writer cuts it off.
"""

from __future__ import annotations

import dataclasses
import gc
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from drawbench.errors import InputError
from harness.types import FAILURES, Sample

LEDGER_NAME = "ledger.jsonl"

_KINDS: dict[str, tuple[type, ...]] = {
    "key": (str,),
    "prompt_id": (str,),
    "index": (int,),
    "seed": (int,),
    "status": (str,),
    "path": (str,),
    "sha256": (str,),
    "seconds": (int, float),
    "reason": (str,),
    "notes": (list,),
    "cost": (int, float),
}
_REQUIRED = frozenset(("key", "prompt_id", "index", "seed", "status"))
_FIELDS = tuple(field.name for field in dataclasses.fields(Sample))
_STATUSES = frozenset(("ok", *FAILURES))
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class LedgerContent:
    """What a ledger's bytes hold: its samples in order, how many bytes are whole lines, how many are torn."""

    samples: tuple[Sample, ...]
    whole_bytes: int
    torn_bytes: int


def to_line(sample: Sample) -> bytes:
    """One line of ASCII JSON with its newline. Fields that say nothing are left out."""
    named = ((name, getattr(sample, name)) for name in _FIELDS)
    fields = {name: value for name, value in named if value is not None and value != ()}
    return _ENCODER.encode(fields).encode("ascii") + b"\n"


def from_line(line: str) -> Sample:
    """The sample that `to_line` wrote, from its line without newline. Raises ValueError, with the reason."""
    fields, end = _DECODER.raw_decode(line)
    if end != len(line):
        raise ValueError("more than one JSON value")
    if not isinstance(fields, dict):
        raise ValueError("not a JSON object")
    try:
        fits = all(map(isinstance, fields.values(), map(_KINDS.__getitem__, fields)))
    except KeyError as error:
        raise ValueError(f"{error.args[0]!r} is unknown") from None
    if not fits:
        wrong = next(name for name, value in fields.items() if not isinstance(value, _KINDS[name]))
        raise ValueError(f"{wrong!r} is of the wrong type")
    if not fields.keys() >= _REQUIRED:
        raise ValueError(f"{min(_REQUIRED - fields.keys())!r} is missing")
    if isinstance(fields["index"], bool) or isinstance(fields["seed"], bool):
        raise ValueError("'index' or 'seed' is no number")
    if fields["status"] not in _STATUSES:
        raise ValueError(f"unknown status {fields['status']!r}")
    if fields["status"] == "ok" and not ("path" in fields and "sha256" in fields):
        raise ValueError("an ok sample without a path and sha256")
    if "notes" in fields:
        fields["notes"] = tuple(map(str, fields["notes"]))
    return Sample(**fields)


def parse_ledger(data: bytes, name: str = LEDGER_NAME) -> LedgerContent:
    """Reads a ledger's bytes, torn at any place after the last newline or not at all.

    Raises InputError, naming the line, where a whole line is no ledger line.
    """
    whole_bytes = data.rfind(b"\n") + 1
    samples = []
    with _without_collector():
        for number, line in enumerate(data[:whole_bytes].split(b"\n")[:-1], start=1):
            try:
                samples.append(from_line(line.decode()))
            except (ValueError, RecursionError) as error:
                raise InputError(
                    f"{name}, line {number}, is damaged ({error}); "
                    "delete that line to have its sample made again"
                ) from error
    return LedgerContent(tuple(samples), whole_bytes, len(data) - whole_bytes)


def read_ledger(run_dir: Path) -> tuple[Sample, ...]:
    """The samples of the run in `run_dir`, in the order they were made; none where there is no ledger."""
    path = run_dir / LEDGER_NAME
    return parse_ledger(path.read_bytes(), str(path)).samples if path.exists() else ()


def latest(samples: Iterable[Sample]) -> dict[tuple[str, int], Sample]:
    """(prompt id, index) -> the last line about it. A sample has several lines where it was made again."""
    return {(sample.prompt_id, sample.index): sample for sample in samples}


def count_statuses(samples: Iterable[Sample]) -> dict[str, int]:
    """ok and each failure status -> how many samples; every status is a key."""
    found = Counter(sample.status for sample in samples)
    return {status: found[status] for status in ("ok", *FAILURES)}


class LedgerWriter:
    """Appends to a ledger. A torn last line is cut off on opening; what is added is on disk on return."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644)
        try:
            content = parse_ledger(path.read_bytes(), str(path))
            self.samples: list[Sample] = list(content.samples)
            self._end = content.whole_bytes
            if content.torn_bytes:
                os.ftruncate(self._handle, self._end)
                os.fsync(self._handle)
        except BaseException:
            os.close(self._handle)
            raise

    def extend(self, samples: Sequence[Sample]) -> None:
        """Adds a line for each sample and waits once until the disk has them all.

        Raises OSError where it cannot; then none of the lines count.
        """
        data = b"".join(map(to_line, samples))
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._handle, view) :]
            os.fsync(self._handle)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._handle, self._end)
            raise
        self._end += len(data)
        self.samples += samples

    def close(self) -> None:
        os.close(self._handle)

    def __enter__(self) -> LedgerWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def _without_collector() -> Iterator[None]:
    """Without Python's search for cycles: it takes as long as the reading of many lines, and finds none."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
