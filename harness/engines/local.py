"""The engine that draws in this process."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from drawbench.errors import InputError
from harness.engines import Outcome
from harness.types import Drawn, Failure, Model, Picture, Request

REASON_LENGTH = 500


class LocalEngine:
    """One batch after the other in this process."""

    def carry_out(self, model: Model, requests: Sequence[Request], batch_size: int) -> Iterator[Outcome]:
        """See `harness.engines.Engine`."""
        for start in range(0, len(requests), batch_size):
            batch = requests[start : start + batch_size]
            begun = time.perf_counter()
            results = _ask(model, batch)
            if isinstance(results, Failure) and len(batch) > 1:
                for request in batch:
                    begun = time.perf_counter()
                    alone = _ask(model, [request])
                    result = alone if isinstance(alone, Failure) else alone[0]
                    yield Outcome(request, result, time.perf_counter() - begun)
                continue
            if isinstance(results, Failure):
                results = [results]
            seconds = (time.perf_counter() - begun) / len(batch)
            for request, result in zip(batch, results, strict=True):
                yield Outcome(request, result, seconds)


def _ask(model: Model, batch: Sequence[Request]) -> Sequence[Picture | Drawn | Failure] | Failure:
    """The model's results, or one Failure where it raised or did not keep to the protocol."""
    try:
        results = model.generate(batch)
        if len(results) != len(batch):
            return Failure("error", f"the model gave {len(results)} results for {len(batch)} requests")
    except InputError:
        raise
    except Exception as error:
        return Failure("error", describe(error))
    return results


def describe(error: BaseException) -> str:
    """The exception as one line of at most `REASON_LENGTH` characters: its type and its message."""
    message = " ".join(str(error).split())
    text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return text if len(text) <= REASON_LENGTH else text[: REASON_LENGTH - 3] + "..."
