"""`imagen`: the built-in cascade. The only module of the harness that knows `imagen/`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from drawbench.errors import InputError
from harness.models.registry import ModelOptions
from harness.models.settings import fill_settings
from harness.types import Drawn, Failure, Request

if TYPE_CHECKING:
    from imagen.cascade import Cascade

DEFAULT_PRESET = "mini"
STAGES = (64, 256, 1024)


class ImagenModel:
    """Draws with `imagen.cascade`. `stages` is the size in pixels of the last stage that runs."""

    def __init__(self, options: ModelOptions) -> None:
        self._preset = options.argument or DEFAULT_PRESET
        self._device, self._dtype = _choose_device(options.device, options.dtype)
        self._last_stage = STAGES[-1]
        self._cascade: Cascade | None = None

    def resolve_settings(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        from imagen.cascade import SampleSettings

        named = {"last_stage" if name == "stages" else name: value for name, value in given.items()}
        filled = fill_settings("imagen", asdict(SampleSettings()), named)
        if filled["last_stage"] not in STAGES:
            known = ", ".join(map(str, STAGES))
            raise InputError(f"imagen: stages must be one of {known}, not {filled['last_stage']!r}")
        try:
            settings = asdict(SampleSettings(**filled))
        except (TypeError, ValueError) as error:
            raise InputError(f"imagen: {error}") from error
        self._last_stage = settings["last_stage"]
        return {"stages" if name == "last_stage" else name: value for name, value in settings.items()}

    def identity(self) -> Mapping[str, Any]:
        return {**self._loaded().identity(), "device": self._device, "dtype": self._dtype}

    def load(self) -> None:
        self._loaded()

    def picture_size(self, settings: Mapping[str, Any]) -> tuple[int, int]:
        return settings["stages"], settings["stages"]

    def generate(self, requests: Sequence[Request]) -> list[Drawn | Failure]:
        from imagen.cascade import SampleSettings

        chosen = requests[0].settings
        settings = SampleSettings(**{("last_stage" if k == "stages" else k): v for k, v in chosen.items()})
        drawn = self._loaded().generate(
            [request.prompt.text for request in requests], [request.seed for request in requests], settings
        )
        return [
            Drawn(one.image, tuple(one.notes))
            if one.image is not None
            else Failure("nan", "; ".join(one.notes) or "the cascade gave values that are NaN or infinite")
            for one in drawn
        ]

    def _loaded(self) -> Cascade:
        if self._cascade is None:
            from imagen.cascade import load_cascade

            stages = tuple(str(size) for size in STAGES if size <= self._last_stage)
            try:
                self._cascade = load_cascade(self._preset, stages, device=self._device, dtype=self._dtype)
            except (OSError, ValueError) as error:
                raise InputError(f"imagen: cannot load preset {self._preset!r}: {error}") from error
        return self._cascade


def _choose_device(device: str, dtype: str) -> tuple[str, str]:
    """The device kind and number format that "auto" stands for on this machine."""
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: torch sees no CUDA device; use --device cpu")
    if dtype == "auto":
        dtype = "bfloat16" if device == "cuda" and torch.cuda.is_bf16_supported() else "float32"
    return device, dtype
