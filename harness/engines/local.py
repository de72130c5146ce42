"""The engine that draws on this machine: in this process, or in several, one a device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType

from harness.engines import Answers, Crew, Job
from harness.engines.worker import Worker
from harness.types import Model, Request


@dataclass(frozen=True)
class LocalEngine:
    """One batch after the other in this process, or `workers` processes that take batches in turn.

    `limit` is how many seconds a batch of another process may take before that process counts as hung.
    """

    workers: int = 1
    device: str = "auto"
    limit: float | None = None

    def start(self, model: Model, job: Job, upcoming: Sequence[Request]) -> Crew:
        """See `harness.engines.Engine`."""
        if self.workers > 1:
            from harness.engines.processes import start_processes

            return start_processes(
                model, job, upcoming, workers=self.workers, device=self.device, limit=self.limit
            )
        worker = Worker(model, job)
        worker.load(upcoming)
        return ThisProcess(worker)


class ThisProcess:
    """A crew of one, in this process."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def carry_out(self, requests: Sequence[Request], batch_size: int) -> Iterator[Answers]:
        """See `harness.engines.Crew`."""
        for start in range(0, len(requests), batch_size):
            yield list(enumerate(self._worker.answer(requests[start : start + batch_size]), start))

    def __enter__(self) -> ThisProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass
