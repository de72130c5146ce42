"""A model that draws coloured patterns: the machinery without a network."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drawbench.errors import InputError
from harness.models.settings import fill_settings, number
from harness.types import Request

_TRIANGLE = 1.0 - np.abs(np.arange(256) - 127.5) / 63.75
DEFAULTS: Mapping[str, Any] = {"size": 64, "guidance_scale": 1.0, "delay": 0.0}
LARGEST = 4096
BATCH_PIXELS = 2**22


class DummyModel:
    """Stripes whose colours and direction follow from prompt and seed, the same on every machine.

    About a tenth of a millisecond for a picture of 64 pixels.

    Settings: `size` in pixels (also named `stages`), `guidance_scale` (contrast), and `delay`, the seconds
    to sleep for each picture.
    """

    def identity(self) -> Mapping[str, Any]:
        return {"name": "dummy", "version": 2}

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
        return 2e-4 + float(settings["delay"])

    def suggested_batch_size(self, settings: Mapping[str, Any]) -> int:
        """As many as make a few million pixels, so that the disk is waited for once for many pictures."""
        return 1 if settings["delay"] else max(1, min(256, BATCH_PIXELS // settings["size"] ** 2))

    def generate(self, requests: Sequence[Request]) -> list[NDArray[np.uint8]]:
        return [self._draw(request) for request in requests]

    def _draw(self, request: Request) -> NDArray[np.uint8]:
        settings = request.settings
        if settings["delay"]:
            time.sleep(settings["delay"])
        said = hashlib.sha256(f"{request.seed}\0{request.prompt.text}".encode()).digest()
        across, down = said[0] % 11 - 5, said[1] % 5 + 1
        ends = np.frombuffer(said, np.uint8, 6, offset=2).reshape(2, 3).astype(np.float64) * (216 / 255) + 20
        wave = np.clip(_TRIANGLE * (0.5 + settings["guidance_scale"]), -1.0, 1.0)
        palette = np.rint(ends[0] + (ends[1] - ends[0]) * (wave[:, None] + 1) / 2).astype(np.uint8)
        steps = (np.arange(settings["size"]) * 256 // settings["size"]).astype(np.uint8)
        # uint8 wraps at 256, the length of the palette
        places = (steps * np.uint8(down))[:, None] + (steps * np.uint8(across % 256))[None, :]
        pixels: NDArray[np.uint8] = palette.take(places, axis=0)
        return pixels
