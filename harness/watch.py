"""Runs that are going on, seen from outside: what their ledgers and logs say, read as they grow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drawbench.errors import InputError
from harness.ledger import LEDGER_NAME, from_line
from harness.manifest import MANIFEST_NAME, read_manifest
from harness.run_log import HEARTBEAT_SECONDS, read_log
from harness.types import FAILURES

SILENT_SECONDS = 6 * HEARTBEAT_SECONDS


@dataclass
class Watched:
    """One run folder, read as far as it is written. `refresh` reads only what came since the last time."""

    run_dir: Path
    planned: int
    _status: dict[tuple[str, int], str] = field(default_factory=dict)
    _read: int = 0

    @classmethod
    def open(cls, run_dir: Path) -> Watched:
        """Raises InputError where `run_dir` is no run folder."""
        return cls(run_dir, int(read_manifest(run_dir)["planned"]))

    def refresh(self, now: datetime | None = None) -> dict[str, Any]:
        """name, state, stage, planned, ok, failed, missing, per_second and seconds_left, at this moment.

        `state` is "running", "done", "ended" (with an error or by hand) or "silent": no sign of life for a
        minute. `per_second` is that of the stage that is going on; None where it is not known.
        """
        self._read_ledger()
        counts = Counter(self._status.values())
        row = {
            "run": self.run_dir.name,
            "planned": self.planned,
            "ok": counts["ok"],
            "failed": sum(counts[status] for status in FAILURES),
            "missing": self.planned - len(self._status),
        }
        return {**row, **_state(read_log(self.run_dir), now or datetime.now(UTC))}

    def _read_ledger(self) -> None:
        try:
            with (self.run_dir / LEDGER_NAME).open("rb") as file:
                file.seek(self._read)
                data = file.read()
        except OSError:
            return
        whole = data.rfind(b"\n") + 1
        for line in data[:whole].splitlines():
            try:
                sample = from_line(line.decode("ascii"))
            except ValueError:
                continue  # the run itself will say which line is damaged
            self._status[(sample.prompt_id, sample.index)] = sample.status
        self._read += whole


def find_runs(place: Path) -> list[Path]:
    """`place` itself where it is a run folder, else the run folders in it, newest first.

    Raises InputError where there are none.
    """
    if (place / MANIFEST_NAME).is_file():
        return [place]
    manifests = list(place.glob(f"*/{MANIFEST_NAME}")) if place.is_dir() else []
    if not manifests:
        raise InputError(f"{place} is no run folder and holds none; give a run folder or the --out of runs")
    ordered = sorted(manifests, key=lambda path: path.stat().st_mtime, reverse=True)
    return [path.parent for path in ordered]


def _state(events: list[dict[str, Any]], now: datetime) -> dict[str, Any]:
    blank: dict[str, Any] = {"state": "silent", "stage": None, "per_second": None, "seconds_left": None}
    if not events:
        return blank
    last = events[-1]
    if last["event"] == "session done":
        return {**blank, "state": "done" if last.get("how") == "finished" else "ended"}
    stages = [event for event in events if event["event"] == "stage"]
    begun = stages[-1] if stages and last["event"] in ("stage", "progress") else None
    alive = (now - _time(last)).total_seconds() <= SILENT_SECONDS
    row = {**blank, "state": "running" if alive else "silent", "stage": begun and begun["stage"]}
    if begun and last["event"] == "progress" and last.get("done"):
        seconds = (_time(last) - _time(begun)).total_seconds()
        pace = last["done"] / seconds if seconds > 0 else None
        left = (last["total"] - last["done"]) / pace if pace else None
        row |= {"per_second": pace and round(pace, 3), "seconds_left": left}
    return row


def _time(event: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(event["time"])
