"""The core values of a run: requests, samples, scores, and the protocol of a model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from drawbench.types import Prompt

Status = Literal["ok", "filtered", "black", "nan", "wrong_size", "error"]
FAILURES: tuple[Status, ...] = ("filtered", "black", "nan", "wrong_size", "error")
Direction = Literal["higher", "lower"]


def canonical_json(value: object) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text. NaN is refused."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True, slots=True)
class Request:
    """What a model is asked: one sample of one prompt.

    `seed` (64 bits) is a function of run seed, prompt id and index alone. `settings` holds all that
    changes the picture (guidance_scale, stages, ...) and nothing else.
    """

    prompt: Prompt
    index: int
    seed: int
    settings: Mapping[str, Any] = field(default_factory=dict)

    def key(self, model_identity: Mapping[str, Any]) -> str:
        """sha256 over model identity, prompt text, index, seed and settings; hexadecimal."""
        return KeyMaker(model_identity, self.settings).key(self.prompt.text, self.index, self.seed)


class KeyMaker:
    """Makes the keys of many requests to one model with the same settings.

    A key is sha256 over the canonical JSON of [model identity, prompt text, index, seed, settings].
    """

    def __init__(self, model_identity: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        self._before = hashlib.sha256(f"[{canonical_json(dict(model_identity))},".encode())
        self._after = f",{canonical_json(dict(settings))}]"

    def key(self, text: str, index: int, seed: int) -> str:
        """The key of one request; hexadecimal."""
        digest = self._before.copy()
        digest.update(f"{_TEXT.encode(text)},{index},{seed}{self._after}".encode())
        return digest.hexdigest()


_TEXT = json.JSONEncoder(ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Failure:
    """A picture that a model did not give, and why. `cost` is what it came to all the same."""

    status: Status
    reason: str
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of the ledger: what became of a request. `path` is relative to the run folder.

    `cost` is what the request came to, in the currency of the model's prices; None where it is not known.
    """

    key: str
    prompt_id: str
    index: int
    seed: int
    status: Status
    path: str | None = None
    sha256: str | None = None
    seconds: float | None = None
    reason: str | None = None
    notes: tuple[str, ...] = ()
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """A number with its uncertainty and its identity.

    `low` and `high` bound the 95% confidence interval made by `method`; `n` counts the pictures.
    `identity` names all that computed the number, e.g. "clip_score[ViT-L-14-quickgelu/openai|x100]":
    scores of unequal identity are not comparable. `category` is None for the whole bench.
    `if_failed` is the value at both ends of what the failed samples could have been. `curve`, of a limit over
    ever more pictures, has `counts` of pictures, the `values` at them, and the `slope` of the line over 1/N.
    """

    metric: str
    value: float
    low: float
    high: float
    n: int
    identity: str
    direction: Direction
    method: str
    category: str | None = None
    if_failed: tuple[float, float] | None = None
    curve: Mapping[str, Any] | None = None


Picture = Image.Image | NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture with what its model has to say about it, such as "prompt truncated to 64 tokens".

    `cost` is what it came to, failed attempts included; None where that is not known.
    """

    picture: Picture
    notes: tuple[str, ...] = ()
    cost: float | None = None


class Model(Protocol):
    """Answers requests. One result per request, in order: a picture (RGB), alone or Drawn, or a Failure.

    What a model may offer beyond this is in `harness.models.capabilities`.
    """

    def identity(self) -> Mapping[str, Any]:
        """All that makes this model's pictures what they are: name, weights' hashes, code version."""
        ...

    def generate(self, requests: Sequence[Request]) -> Sequence[Picture | Drawn | Failure]:
        """Draws each request. The result of one must not depend on the others beside it."""
        ...
