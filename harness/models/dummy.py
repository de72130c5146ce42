"""A model that draws coloured patterns: the machinery without a network."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drawbench.errors import InputError
from harness.models.settings import fill_settings, number
from harness.types import Request

DEFAULTS: Mapping[str, Any] = {"size": 64, "guidance_scale": 1.0, "delay": 0.0}
LARGEST = 4096
BATCH_PIXELS = 2**22


class DummyModel:
    """Stripes whose colours and direction follow from prompt and seed. Microseconds a picture.

    Settings: `size` in pixels (also named `stages`), `guidance_scale` (contrast), and `delay`, the seconds
    to sleep for each picture.
    """

    def identity(self) -> Mapping[str, Any]:
        return {"name": "dummy", "version": 1}

    def resolve_settings(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        renamed = {"size" if name == "stages" else name: value for name, value in given.items()}
        settings = fill_settings("dummy", DEFAULTS, renamed)
        if type(settings["size"]) is not int or not 1 <= settings["size"] <= LARGEST:
            raise InputError(f"dummy: size must be a whole number from 1 to {LARGEST}")
        settings["delay"] = number("dummy", "delay", settings["delay"], low=0.0)
        settings["guidance_scale"] = number("dummy", "guidance_scale", settings["guidance_scale"], low=0.0)
        return settings

    def picture_size(self, settings: Mapping[str, Any]) -> tuple[int, int]:
        return settings["size"], settings["size"]

    def estimate_seconds(self, settings: Mapping[str, Any]) -> float:
        return 1e-3 + float(settings["delay"])

    def suggested_batch_size(self, settings: Mapping[str, Any]) -> int:
        """As many as make a few million pixels, so that the disk is waited for once for many pictures."""
        return 1 if settings["delay"] else max(1, min(256, BATCH_PIXELS // settings["size"] ** 2))

    def generate(self, requests: Sequence[Request]) -> list[NDArray[np.uint8]]:
        return [self._draw(request) for request in requests]

    def _draw(self, request: Request) -> NDArray[np.uint8]:
        settings = request.settings
        if settings["delay"]:
            time.sleep(settings["delay"])
        seed = hashlib.sha256(f"{request.seed}\0{request.prompt.text}".encode()).digest()
        rng = np.random.default_rng(int.from_bytes(seed[:8], "big"))
        angle, waves = rng.uniform(0, math.pi), rng.integers(1, 6)
        first, second = rng.integers(20, 236, size=(2, 3))
        row, column = np.mgrid[0 : settings["size"], 0 : settings["size"]] / settings["size"]
        along = np.sin(2 * math.pi * waves * (row * math.sin(angle) + column * math.cos(angle)))
        sharp = np.tanh(along * (0.5 + settings["guidance_scale"]))
        mixed = first + (second - first) * (sharp[..., None] + 1) / 2
        pixels: NDArray[np.uint8] = np.clip(np.rint(mixed), 3, 255).astype(np.uint8)
        return pixels
