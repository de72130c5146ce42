"""Workers as actors of a Ray cluster: one that runs already, or one started on this machine for the run.

Each actor holds a model and writes its pictures itself; only what became of the requests comes back. The
batches of a lost actor, or of a lost machine's, go to others, and new actors are asked for. Where `workers`
is None, their number follows the cluster as it grows and shrinks: one for each GPU, or each CPU without GPUs.
"""

from __future__ import annotations

import importlib
import logging
import os
import pickle
import socket
import sys
import time
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from drawbench.errors import InputError
from harness.engines import Answers, Crew, Job, dispatch, ray_actor
from harness.engines.dispatch import Fault, Lost, Message, Refusal
from harness.models.capabilities import LooksAhead
from harness.types import Model, Request

HEAR_SECONDS = 1.0
LOOK_SECONDS = 2.0
REACH_SECONDS = 10.0
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
OBJECT_STORE_BYTES = 80_000_000


@dataclass(frozen=True)
class RayEngine:
    """`address` is a running cluster's, such as "auto" or "host:6379"; None starts one on this machine.

    `limit` is how many seconds a batch may take before its worker counts as hung.
    """

    workers: int | None = None
    address: str | None = None
    device: str = "auto"
    limit: float | None = None

    def start(self, model: Model, job: Job, upcoming: Sequence[Request]) -> Crew:
        """See `harness.engines.Engine`. Raises InputError without Ray, or where there is no such cluster."""
        if job.recipe is None:
            raise ValueError("a model that cannot be made anew cannot be drawn with in other processes")
        try:
            ray: Any = importlib.import_module("ray")
        except ImportError:
            raise InputError("--engine ray needs Ray: pip install ray") from None
        mine = not ray.is_initialized()
        if mine:
            _connect(ray, self.address, self.workers)
        try:
            with_gpu = self.device != "cpu" and ray.cluster_resources().get("GPU", 0) >= 1
            if self.device == "cuda" and not with_gpu:
                raise InputError("--device cuda: no machine of the Ray cluster has a GPU")
            ahead = tuple(upcoming) if isinstance(model, LooksAhead) else ()
            return RayCrew(
                ray, job, ahead, workers=self.workers, with_gpu=with_gpu, shut_down=mine, limit=self.limit
            )
        except BaseException:
            if mine:
                ray.shutdown()
            raise


def _connect(ray: Any, address: str | None, workers: int | None) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    quiet: dict[str, Any] = {
        "log_to_driver": False,
        "logging_level": logging.ERROR,
        "configure_logging": True,
    }
    try:
        if address is not None:
            _try_to_reach(address)
            ray.init(address=address, **quiet)
            return
        cpus = max(workers or 1, os.cpu_count() or 1)
        own: dict[str, Any] = {"num_cpus": cpus, "object_store_memory": OBJECT_STORE_BYTES}
        ray.init(address="local", include_dashboard=False, **own, **quiet)
    except Exception as error:  # Ray has many ways of saying that there is no cluster
        where = "on this machine" if address is None else f"at {address}"
        text = " ".join(str(error).split())[:300]
        raise InputError(f"--engine ray: no cluster {where}: {text}") from error


def _try_to_reach(address: str) -> None:
    """Raises OSError where no one listens at HOST:PORT: Ray itself would go on trying for minutes."""
    host, colon, port = address.partition("://")[2].partition("/")[0].rpartition(":")
    if "://" not in address:
        host, colon, port = address.rpartition(":")
    if colon and port.isascii() and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACH_SECONDS).close()


def _path() -> list[str]:
    """Where this process finds modules beside Python's own and what is installed with it."""
    installed = (sys.prefix, sys.base_prefix)
    folders = (os.path.abspath(folder) for folder in sys.path)  # noqa: PTH100
    return [folder for folder in folders if not folder.startswith(installed)]


@dataclass
class _Hand:
    """One actor, as this process sees it. `awaited` is the answer that will come next, None when idle."""

    actor: Any
    awaited: Any
    ready: bool = False


class RayCrew:
    """A crew of actors; see `harness.engines.Crew`."""

    def __init__(
        self,
        ray: Any,
        job: Job,
        upcoming: Sequence[Request],
        *,
        workers: int | None,
        with_gpu: bool,
        shut_down: bool,
        limit: float | None,
    ) -> None:
        self._ray = ray
        self._limit = limit
        self._workers = workers
        self._with_gpu = with_gpu
        self._shut_down = shut_down
        threads = {name: os.environ.get(name) for name in THREAD_VARIABLES}
        self._arguments = ray.put((_path(), threads, pickle.dumps((job, upcoming))))
        ray.cloudpickle.register_pickle_by_value(ray_actor)
        self._actors = ray.remote(num_cpus=1, num_gpus=int(with_gpu), max_restarts=0)(ray_actor.Actor)
        self._hands: dict[int, _Hand] = {}
        self._hired = 0
        self._room = 0
        self._looked_at = -LOOK_SECONDS

    def carry_out(self, requests: Sequence[Request], batch_size: int) -> Iterator[Answers]:
        """See `harness.engines.Crew`."""
        return dispatch.carry_out(self, requests, batch_size, self._limit)

    def fill(self, wanted: int) -> None:
        """See `harness.engines.dispatch.Staff`. Actors that the cluster has no room for yet wait for it."""
        for _ in range(min(wanted, self._target()) - len(self._hands)):
            actor = self._actors.remote(self._arguments)
            self._hands[self._hired] = _Hand(actor, actor.begin.remote())
            self._hired += 1

    def idle(self) -> list[Hashable]:
        """See `harness.engines.dispatch.Staff`."""
        return [name for name, hand in self._hands.items() if hand.ready and hand.awaited is None]

    def give(self, worker: Hashable, requests: Sequence[Request]) -> None:
        """See `harness.engines.dispatch.Staff`. A worker that is dead by now is heard of by `hear`."""
        hand = self._hands[worker]  # type: ignore[index]
        hand.awaited = hand.actor.answer.remote(list(requests))

    def hear(self) -> list[tuple[Hashable, Message]]:
        """See `harness.engines.dispatch.Staff`."""
        names = {hand.awaited: name for name, hand in self._hands.items() if hand.awaited is not None}
        if not names:
            time.sleep(HEAR_SECONDS)
            return []
        done, _ = self._ray.wait(list(names), num_returns=1, timeout=HEAR_SECONDS)
        more, _ = self._ray.wait(list(names), num_returns=len(names), timeout=0)
        heard: list[tuple[Hashable, Message]] = []
        for awaited in {*done, *more}:
            name = names[awaited]
            try:
                message: Message = self._ray.get(awaited)
                self._hands[name].ready = True
                self._hands[name].awaited = None
            except self._ray.exceptions.RayError as error:
                message = self._lost(name, error)
            heard.append((name, message))
        return heard

    def end(self, worker: Hashable) -> None:
        """See `harness.engines.dispatch.Staff`."""
        self._ray.kill(self._hands[worker].actor)  # type: ignore[index]

    def __enter__(self) -> RayCrew:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for hand in self._hands.values():
            self._ray.kill(hand.actor)
        self._hands.clear()
        if self._shut_down:
            self._ray.shutdown()

    def _target(self) -> int:
        """How many workers there should be."""
        if self._workers is not None:
            return self._workers
        if time.monotonic() - self._looked_at >= LOOK_SECONDS:
            self._looked_at = time.monotonic()
            resources = self._ray.cluster_resources()
            self._room = max(1, int(resources.get("GPU" if self._with_gpu else "CPU", 1)))
        return self._room

    def _lost(self, name: int, error: Exception) -> Message:
        """Forgets an actor and says why it is no more."""
        self._hands.pop(name)
        text = str(error)
        missing = next((line.strip() for line in text.splitlines() if "ModuleNotFoundError" in line), None)
        if missing is not None:
            return Refusal(
                f"Ray's workers lack what this process has ({missing}); install it on every machine"
            )
        if isinstance(error, self._ray.exceptions.RayTaskError):
            return Fault(text)
        return Lost(f"its actor is gone ({type(error).__name__})")
