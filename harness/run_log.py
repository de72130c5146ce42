"""log.jsonl: what a run's processes did and when, one JSON line an event, for people and for machines.

It is beside the ledger, which says what came of each sample; nothing depends on the log, and a log that
cannot be written stops no run.

    {"time": "2026-11-24T18:00:00.000+00:00", "session": "a1b2c3", "event": "stage", "stage": "drawing", ...}

Events: `session` (a process begins), `stage` (a part of its work begins, `total` pieces), `progress` (every
10 seconds), `stage done` (with seconds, pieces a second, memory and energy), `notice`, `session done`. Times
are UTC.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from harness.energy import EnergyMeter
from harness.progress import Advance, Progress

LOG_NAME = "log.jsonl"
HEARTBEAT_SECONDS = 10.0


class RunLog:
    """Appends events of one process to `run_dir`'s log; `stages` has the stages that are done."""

    def __init__(self, run_dir: Path, command: Sequence[str] = ()) -> None:
        self._path = run_dir / LOG_NAME
        self._session = uuid.uuid4().hex[:6]
        self._begun = time.perf_counter()
        self.stages: list[dict[str, Any]] = []
        self.event("session", command=list(command))

    def event(self, name: str, **fields: Any) -> None:
        """Adds a line. A disk that is full or read-only loses the line, not the run."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": now, "session": self._session, "event": name, **fields}, allow_nan=False)
        try:
            with self._path.open("a", encoding="ascii") as file:
                file.write(line + "\n")
        except OSError:
            return

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        how = "finished" if error is None else kind.__name__ if kind else "ended"
        self.event("session done", how=how, seconds=round(time.perf_counter() - self._begun, 3))


class LoggedProgress:
    """Another progress, with what it is told written to a log too."""

    def __init__(self, shown: Progress, log: RunLog, clock: Callable[[], float] = time.perf_counter) -> None:
        self._shown = shown
        self._log = log
        self._clock = clock

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        """See Progress."""
        done = 0
        begun = said = self._clock()
        meter = EnergyMeter()
        self._log.event("stage", stage=name, total=total)
        _forget_gpu_peak()

        with self._shown.stage(name, total) as shown:

            def advance(amount: int) -> None:
                nonlocal done, said
                done += amount
                shown(amount)
                now = self._clock()
                if now - said >= HEARTBEAT_SECONDS:
                    said = now
                    self._log.event("progress", stage=name, done=done, total=total)

            try:
                yield advance
            finally:
                seconds = self._clock() - begun
                entry = {
                    "stage": name,
                    "done": done,
                    "total": total,
                    "seconds": round(seconds, 3),
                    "per_second": round(done / seconds, 3) if seconds > 0 else None,
                    "peak_memory_mb": round(_peak_memory_mb()),
                    "gpu_peak_memory_mb": _gpu_peak_mb(),
                    **meter.read(),
                }
                self._log.stages.append(entry)
                self._log.event("stage done", **entry)


def read_log(run_dir: Path) -> list[dict[str, Any]]:
    """The events of a run's log in order; lines that are torn are passed over. Empty without a log."""
    try:
        data = (run_dir / LOG_NAME).read_bytes()
    except OSError:
        return []
    events = []
    for line in data.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and "event" in event:
            events.append(event)
    return events


def stages_in_words(stages: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Finished stages for people: ("drawing", "200 in 84 s, 2.38 a second, 1.2 GB, 3.1 kJ (CPU)")."""
    told = []
    for stage in stages:
        parts = [f"{stage['done']} in {stage['seconds']:.1f} s"]
        if stage["per_second"]:
            parts.append(f"{stage['per_second']:.3g} a second")
        parts.append(f"{stage['peak_memory_mb'] / 1000:.1f} GB of memory at most")
        if stage["gpu_peak_memory_mb"] is not None:
            parts.append(f"{stage['gpu_peak_memory_mb'] / 1000:.1f} GB on the GPU")
        if stage.get("joules") is not None:
            parts.append(f"{stage['joules'] / 1000:.2f} kJ ({stage['energy_from']})")
        told.append((stage["stage"], ", ".join(parts)))
    return told


def _peak_memory_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


def _torch_cuda() -> Any:
    """torch.cuda where torch is loaded already and uses a GPU; to import it for a log would cost seconds."""
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)
    return cuda if cuda is not None and cuda.is_available() and cuda.is_initialized() else None


def _forget_gpu_peak() -> None:
    cuda = _torch_cuda()
    if cuda is not None:
        cuda.reset_peak_memory_stats()


def _gpu_peak_mb() -> int | None:
    cuda = _torch_cuda()
    return None if cuda is None else round(cuda.max_memory_allocated() / 1e6)
