"""How a worker in another process comes to its model: makes it anew and sees that it is the same."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence

from drawbench.errors import InputError
from harness.engines import Job
from harness.engines.worker import Worker
from harness.manifest import first_difference
from harness.types import Request, canonical_json


def hire(job: Job, upcoming: Sequence[Request]) -> Worker:
    """A worker whose model is loaded.

    Raises InputError where the model cannot be had, is another one than the run's (other weights, another
    version, another kind of device), or where the pictures' place is out of reach.
    """
    if job.recipe is None:
        raise ValueError("the job has no recipe for its model")
    job.place.check()
    model = job.recipe.make()
    here = json.loads(canonical_json(dict(model.identity())))
    difference = first_difference(json.loads(canonical_json(dict(job.identity))), here)
    if difference is not None:
        field, wanted, got = difference
        raise InputError(
            f"a worker on {socket.gethostname()} has another model: its {field} is {got!r}, the run's is "
            f"{wanted!r}; use the same device, weights and version everywhere"
        )
    worker = Worker(model, job)
    worker.load(upcoming)
    return worker
