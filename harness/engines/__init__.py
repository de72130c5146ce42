"""Engines: where and how a model's requests are carried out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from harness.types import Drawn, Failure, Model, Picture, Request


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request. `seconds` is its share of the time that its batch took."""

    request: Request
    result: Picture | Drawn | Failure
    seconds: float


class Engine(Protocol):
    """Hands requests to a model in batches."""

    def carry_out(self, model: Model, requests: Sequence[Request], batch_size: int) -> Iterator[Outcome]:
        """Yields one outcome a request, in order, as they come.

        An exception of the model fails the samples that raise it when asked alone, and no others. Only
        InputError is passed on: it says that no request can be served.
        """
        ...
