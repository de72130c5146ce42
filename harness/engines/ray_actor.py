"""What runs in a Ray cluster's worker processes.

This class is sent there as code, so nothing of ours is imported before the search path is that of the process
which began the run.
"""

from __future__ import annotations

import os
import pickle
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Any


class Actor:
    """A worker, its model loaded by `begin`. Methods give messages of `harness.engines.dispatch`."""

    def __init__(self, arguments: tuple[Sequence[str], Mapping[str, str | None], bytes]) -> None:
        path, threads, self._job_and_upcoming = arguments
        sys.path.extend(folder for folder in path if folder not in sys.path)
        for name, value in threads.items():  # Ray sets its own; pictures must not depend on the engine
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self._worker: Any = None

    def begin(self) -> Any:
        """Makes and loads the model."""
        from drawbench.errors import InputError
        from harness.engines.dispatch import Fault, Ready, Refusal
        from harness.engines.hire import hire

        try:
            self._worker = hire(*pickle.loads(self._job_and_upcoming))
        except InputError as error:
            return Refusal(str(error))
        except Exception:
            return Fault(traceback.format_exc())
        return Ready()

    def answer(self, requests: Sequence[Any]) -> Any:
        """Carries out a batch."""
        from drawbench.errors import InputError
        from harness.engines.dispatch import Answered, Fault, Refusal

        try:
            return Answered(self._worker.answer(requests))
        except InputError as error:
            return Refusal(str(error))
        except Exception:
            return Fault(traceback.format_exc())
