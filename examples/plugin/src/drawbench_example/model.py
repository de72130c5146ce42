"""A model: here one that knows a single colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drawbench.errors import InputError
from drawbench_example import PAINTS
from harness.models.registry import ModelOptions
from harness.types import Drawn, Failure, Request

DEFAULTS = {"size": 64, "grain": 20.0}


class OneColour:
    """Grainy pictures in one colour: one-colour:red. Settings: size in pixels, grain in grey levels."""

    def __init__(self, options: ModelOptions) -> None:
        self._word = options.argument or "red"
        if self._word not in PAINTS:
            raise InputError(f"one-colour: the colour must be one of {', '.join(PAINTS)}, not {self._word!r}")

    def identity(self) -> Mapping[str, Any]:
        """All that makes the pictures what they are; a model with weights puts their hashes here."""
        return {"name": f"one-colour-{self._word}", "version": 1}

    def resolve_settings(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Optional: without it the model gets the settings as they were given."""
        settings = {**DEFAULTS, **given}
        if unknown := settings.keys() - DEFAULTS.keys():
            raise InputError(f"one-colour has no setting {min(unknown)!r}; it has: {', '.join(DEFAULTS)}")
        if type(settings["size"]) is not int or not 1 <= settings["size"] <= 4096:
            raise InputError("one-colour: size must be a whole number from 1 to 4096")
        return settings

    def picture_size(self, settings: Mapping[str, Any]) -> tuple[int, int]:
        """Optional: with it, pictures of another size are failures."""
        return settings["size"], settings["size"]

    def generate(self, requests: Sequence[Request]) -> list[NDArray[np.uint8] | Drawn | Failure]:
        """One result a request, in order, each from its own seed alone."""
        return [self._draw(request) for request in requests]

    def _draw(self, request: Request) -> NDArray[np.uint8] | Drawn | Failure:
        if "violence" in request.prompt.text:
            return Failure("filtered", "the prompt asks for violence")
        size, grain = request.settings["size"], request.settings["grain"]
        rng = np.random.default_rng(request.seed)
        values = np.asarray(PAINTS[self._word]) + rng.normal(0.0, grain, (size, size, 1))
        pixels: NDArray[np.uint8] = np.clip(np.rint(values), 0, 255).astype(np.uint8)
        notes = () if self._word in request.prompt.text else ("the prompt asks for another colour",)
        return Drawn(pixels, notes)
