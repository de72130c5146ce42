"""`imagen`: the built-in cascade. The only module of the harness that knows `imagen/`.

Settings of the base stage go by their plain names (guidance_scale, steps, ...), those of a super-resolution
stage carry its size (guidance_scale_256, aug_sigma_1024). Stages that do not run have no settings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from drawbench.errors import InputError
from harness.models.registry import ModelOptions
from harness.models.settings import fill_settings
from harness.types import Drawn, Failure, Request

if TYPE_CHECKING:
    from imagen.cascade import Cascade, StageSettings

DEFAULT_PRESET = "mini"


class ImagenModel:
    """Draws with `imagen.cascade`. `stages` is the size in pixels of the last stage that runs."""

    def __init__(self, options: ModelOptions) -> None:
        self._preset = options.argument or DEFAULT_PRESET
        self._device, self._dtype = _choose_device(options.device, options.dtype)
        self._last_stage = 0
        self._cascade: Cascade | None = None

    def resolve_settings(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        from imagen.cascade import default_settings

        try:
            defaults = default_settings(self._preset)
        except ValueError as error:
            raise InputError(f"imagen: {error}") from error
        last = given.get("stages", max(defaults))
        if last not in defaults:
            raise InputError(f"imagen: stages must be one of {', '.join(map(str, defaults))}, not {last!r}")
        self._last_stage = last
        running = {size: stage for size, stage in defaults.items() if size <= last}
        settings = fill_settings("imagen", {"stages": last, **_flat(running)}, given)
        try:
            _by_stage(settings)
        except (TypeError, ValueError) as error:
            raise InputError(f"imagen: {error}") from error
        return settings

    def identity(self) -> Mapping[str, Any]:
        from imagen.cascade import cascade_identity

        try:
            return cascade_identity(self._preset, self._last_stage, self._device, self._dtype)
        except ValueError as error:
            raise InputError(f"imagen: {error}") from error

    def load(self) -> None:
        from imagen.cascade import load_cascade

        try:
            self._cascade = load_cascade(self._preset, self._last_stage, self._device, self._dtype)
        except (OSError, ValueError) as error:
            raise InputError(f"imagen: cannot load preset {self._preset!r}: {error}") from error

    def picture_size(self, settings: Mapping[str, Any]) -> tuple[int, int]:
        return settings["stages"], settings["stages"]

    def network_evaluations(self, settings: Mapping[str, Any]) -> int:
        return sum(stage.steps for stage in _by_stage(settings).values())

    def generate(self, requests: Sequence[Request]) -> list[Drawn | Failure]:
        if self._cascade is None:
            self.load()
        assert self._cascade is not None
        drawn = self._cascade.generate(
            [request.prompt.text for request in requests],
            [request.seed for request in requests],
            _by_stage(requests[0].settings),
        )
        return [
            Failure("nan", one.reason) if one.image is None else Drawn(one.image, one.notes) for one in drawn
        ]


def _flat(stages: Mapping[int, StageSettings]) -> dict[str, Any]:
    """One flat mapping; a name without a size belongs to the base stage, which adds no noise to its input."""
    base = min(stages)
    return {
        name if size == base else f"{name}_{size}": value
        for size, stage in stages.items()
        for name, value in asdict(stage).items()
        if (size, name) != (base, "aug_sigma")
    }


def _by_stage(settings: Mapping[str, Any]) -> dict[int, StageSettings]:
    """The inverse of `_flat`. Raises ValueError or TypeError on values that a stage refuses."""
    from imagen.cascade import StageSettings

    stages: dict[int, dict[str, Any]] = {}
    for key, value in settings.items():
        if key == "stages":
            continue
        name, _, size = key.rpartition("_")
        if size.isdigit():
            stages.setdefault(int(size), {})[name] = value
        else:
            stages.setdefault(0, {})[key] = value
    base = stages.pop(0)
    return {64: StageSettings(**base), **{size: StageSettings(**stage) for size, stage in stages.items()}}


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
