"""Workers as processes of this machine, each with a model of its own, one a GPU where there are several."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import TracebackType

from drawbench.errors import InputError
from harness.engines import Answers, Job, dispatch
from harness.engines.dispatch import Answered, Fault, Lost, Message, Ready, Refusal
from harness.engines.hire import hire
from harness.models.capabilities import LooksAhead
from harness.types import Model, Request

GPUS = "CUDA_VISIBLE_DEVICES"
HEAR_SECONDS = 1.0


def start_processes(
    model: Model,
    job: Job,
    upcoming: Sequence[Request],
    *,
    workers: int,
    device: str,
    limit: float | None = None,
) -> ProcessCrew:
    """`workers` processes. The k-th of them sees one GPU, the k-th round and round. Raises InputError.

    `limit` is how many seconds a batch may take before its worker counts as hung.
    """
    if job.recipe is None:
        raise ValueError("a model that cannot be made anew cannot be drawn with in other processes")
    ahead = tuple(upcoming) if isinstance(model, LooksAhead) else ()
    gpus = _visible_gpus(device)
    environments = [{GPUS: gpus[k % len(gpus)]} if gpus else {} for k in range(workers)]
    return ProcessCrew(job, ahead, environments, limit)


@dataclass
class _Hand:
    """One worker process, as this process sees it."""

    place: int
    process: SpawnProcess
    connection: Connection
    ready: bool = False
    busy: bool = False


class ProcessCrew:
    """A crew of processes; see `harness.engines.Crew`. Each of `environments` is one worker's own."""

    def __init__(
        self,
        job: Job,
        upcoming: Sequence[Request],
        environments: Sequence[Mapping[str, str]],
        limit: float | None = None,
    ) -> None:
        self._limit = limit
        self._job = job
        self._upcoming = upcoming
        self._environments = environments
        self._hands: dict[int, _Hand] = {}
        self._hired = 0

    def carry_out(self, requests: Sequence[Request], batch_size: int) -> Iterator[Answers]:
        """See `harness.engines.Crew`."""
        return dispatch.carry_out(self, requests, batch_size, self._limit)

    def fill(self, wanted: int) -> None:
        """See `harness.engines.dispatch.Staff`."""
        taken = {hand.place for hand in self._hands.values()}
        for place, environment in enumerate(self._environments):
            if place in taken or len(self._hands) >= wanted:
                continue
            context = multiprocessing.get_context("spawn")
            here, there = context.Pipe()
            process = context.Process(
                target=_serve, args=(there, self._job, self._upcoming, environment), daemon=True
            )
            process.start()
            there.close()
            self._hands[self._hired] = _Hand(place, process, here)
            self._hired += 1

    def idle(self) -> list[Hashable]:
        """See `harness.engines.dispatch.Staff`."""
        return [name for name, hand in self._hands.items() if hand.ready and not hand.busy]

    def give(self, worker: Hashable, requests: Sequence[Request]) -> None:
        """See `harness.engines.dispatch.Staff`. A worker that is dead by now is heard of by `hear`."""
        hand = self._hands[worker]  # type: ignore[index]
        hand.busy = True
        with suppress(OSError):
            hand.connection.send(requests)

    def hear(self) -> list[tuple[Hashable, Message]]:
        """See `harness.engines.dispatch.Staff`."""
        names = {hand.connection: name for name, hand in self._hands.items()}
        heard: list[tuple[Hashable, Message]] = []
        for connection in wait(list(names), HEAR_SECONDS):
            name = names[connection]  # type: ignore[index]
            hand = self._hands[name]
            try:
                message: Message = hand.connection.recv()
            except (EOFError, OSError):
                message = Lost(self._bury(name))
            hand.ready = True
            hand.busy = False
            heard.append((name, message))
        return heard

    def end(self, worker: Hashable) -> None:
        """See `harness.engines.dispatch.Staff`."""
        self._hands[worker].process.kill()  # type: ignore[index]

    def __enter__(self) -> ProcessCrew:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for hand in self._hands.values():
            hand.process.kill()
        for name in list(self._hands):
            self._bury(name)

    def _bury(self, name: int) -> str:
        """Forgets a worker and says how it ended."""
        hand = self._hands.pop(name)
        hand.connection.close()
        hand.process.join(10)
        status = hand.process.exitcode
        if status is None:
            hand.process.kill()
            hand.process.join()
        hand.process.close()
        if status is not None and status < 0:
            return f"killed by signal {-status}"
        return f"its process ended with status {status}"


def _serve(
    connection: Connection, job: Job, upcoming: Sequence[Request], environment: Mapping[str, str]
) -> None:
    """The life of a worker process."""
    os.environ.update(environment)
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # the keyboard's interrupt is for the process that began the run
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        worker = hire(job, upcoming)
        connection.send(Ready())
        while True:
            connection.send(Answered(worker.answer(connection.recv())))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        sys.exit(0)
    except InputError as error:
        connection.send(Refusal(str(error)))
    except Exception:
        connection.send(Fault(traceback.format_exc()))


def _end_with_parent() -> None:
    """Ends this process with the one that began the run, even where that one was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _visible_gpus(device: str) -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them; none for the CPU."""
    if device == "cpu":
        return []
    given = os.environ.get(GPUS)
    if given is not None:
        return [name.strip() for name in given.split(",") if name.strip()]
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]
