"""What every worker does, in whichever process: asks the model, checks, writes the pictures."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from PIL import Image

from drawbench.errors import InputError
from harness.engines import Job, Outcome
from harness.models.capabilities import Loads, LooksAhead
from harness.picture_place import content_hash, picture_path
from harness.pictures import check_picture, encode_png
from harness.types import FAILURES, Drawn, Failure, Model, Picture, Request

REASON_LENGTH = 500

Result = Picture | Drawn | Failure


class Worker:
    """A model and what it needs to be told, beside requests."""

    def __init__(self, model: Model, job: Job) -> None:
        self._model = model
        self._job = job

    def load(self, upcoming: Sequence[Request]) -> None:
        """Gets the model ready for `upcoming` requests. Raises InputError where that cannot be done."""
        if isinstance(self._model, LooksAhead):
            self._model.look_ahead(upcoming)
        if isinstance(self._model, Loads):
            self._model.load()

    def answer(self, requests: Sequence[Request]) -> list[Outcome]:
        """One outcome a request, in order; the pictures are written on return.

        Raises InputError where no request can be served, or nothing can be written.
        """
        pictures: list[tuple[str, bytes]] = []
        outcomes = []
        for request, result, seconds in self._ask_all(requests):
            outcome, png = self._judge(result, round(seconds, 4))
            if png is not None:
                pictures.append((picture_path(request.prompt.id, request.index), png))
            outcomes.append(outcome)
        self._job.place.write(pictures)
        return outcomes

    def _ask_all(self, requests: Sequence[Request]) -> Iterator[tuple[Request, Result, float]]:
        """Each request with its result and seconds; one by one where the model fails them together."""
        begun = time.perf_counter()
        results = self._ask(requests)
        if not isinstance(results, Failure):
            seconds = (time.perf_counter() - begun) / len(requests)
            for request, result in zip(requests, results, strict=True):
                yield request, result, seconds
        elif len(requests) == 1:
            yield requests[0], results, time.perf_counter() - begun
        else:
            for request in requests:
                begun = time.perf_counter()
                alone = self._ask([request])
                yield request, alone if isinstance(alone, Failure) else alone[0], time.perf_counter() - begun

    def _ask(self, requests: Sequence[Request]) -> Sequence[Result] | Failure:
        """The model's results, or one Failure where it raised or did not keep to the protocol."""
        try:
            results = self._model.generate(requests)
            if len(results) != len(requests):
                return Failure("error", f"the model gave {len(results)} results for {len(requests)} requests")
        except InputError:
            raise
        except Exception as error:
            return Failure("error", describe(error))
        return results

    def _judge(self, result: object, seconds: float) -> tuple[Outcome, bytes | None]:
        notes: tuple[str, ...] = ()
        cost = result.cost if isinstance(result, Drawn | Failure) else None
        if isinstance(result, Drawn):
            notes, result = result.notes, result.picture
        checked = _checked(result, self._job.size)
        if isinstance(checked, Failure):
            return Outcome(checked.status, None, seconds, reason=checked.reason, cost=cost), None
        png = encode_png(checked)
        return Outcome("ok", content_hash(png), seconds, notes=notes, cost=cost), png


def _checked(result: object, size: tuple[int, int] | None) -> Image.Image | Failure:
    if isinstance(result, Failure):
        known = result.status in FAILURES
        return result if known else Failure("error", f"the model gave a failure of status {result.status!r}")
    try:
        return check_picture(result, size)
    except Exception as error:  # a lazily read picture shows only now that its file is broken
        return Failure("error", describe(error))


def describe(error: BaseException) -> str:
    """The exception as one line of at most `REASON_LENGTH` characters: its type and its message."""
    message = " ".join(str(error).split())
    text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return text if len(text) <= REASON_LENGTH else text[: REASON_LENGTH - 3] + "..."
