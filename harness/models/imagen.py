"""`imagen`: the built-in cascade. The only module of the harness that knows `imagen/`.

Settings: `stages` is the size in pixels of the last stage that runs. `guidance_scale` is the base stage's,
as in the paper's curves. Any other field of `imagen.stage.StageSettings` (`steps`, `sampler`, `eta`,
`stochasticity`, `guidance_interval`, `thresholding`, `percentile`, `threshold_cap`, `aug_sigma`) holds for
every stage it makes sense for; with a stage before it, as in `256.guidance_scale` or `64.steps`, for that
one. `aug_sigma` may be a list, such as [0, 0.1, 0.2]: then sample i of each prompt gets the i-th level, round
and round. `guidance_interval` is a list of two log-SNRs, or null.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drawbench.errors import InputError
from drawbench.sources import cache_dir
from harness.models.device import choose_device
from harness.models.registry import ModelOptions
from harness.models.settings import number
from harness.types import Drawn, Failure, Request

if TYPE_CHECKING:
    from imagen.cascade import Cascade
    from imagen.stage import StageSettings
    from imagen.text import TextPlaces

DEFAULT_PRESET = "mini"

# Seconds of one core's work for one evaluation of a stage's network on one picture.
_CORE_SECONDS = {64: 0.016, 256: 0.04, 1024: 0.3}


def describe_presets(names: Sequence[str], as_json: bool) -> str:
    """What the built-in presets' networks are and cost. Raises InputError for an unknown preset."""
    from imagen.describe import describe

    try:
        return describe(names, as_json)
    except ValueError as error:
        raise InputError(f"imagen: {error}") from error


class ImagenModel:
    """Draws with `imagen.cascade`. `imagen:PRESET` chooses a preset other than mini.

    Raises InputError for an unknown preset and for a device that this machine does not have.
    """

    def __init__(self, options: ModelOptions) -> None:
        from imagen.cascade import default_settings
        from imagen.presets import load_preset

        self._preset = options.argument or DEFAULT_PRESET
        try:
            self._defaults = default_settings(self._preset)
        except ValueError as error:
            raise InputError(f"imagen: {error}") from error
        self._configs = load_preset(self._preset)
        self._device, self._dtype = choose_device(options.device, options.dtype)
        self._last_stage = max(self._defaults)
        self._text = _text_places(options.weights)
        self._prompts: list[str] | None = None
        self._cascade: Cascade | None = None

    def resolve_settings(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Every setting of every stage that runs, under its full name."""
        from imagen.stage import ONLY_WITH

        sizes = sorted(self._defaults)
        last = given.get("stages", sizes[-1])
        if isinstance(last, bool) or last not in sizes:
            raise InputError(f"imagen: stages must be one of {', '.join(map(str, sizes))}, not {last!r}")
        self._last_stage = int(last)
        running = [size for size in sizes if size <= last]
        settings: dict[str, Any] = {"stages": self._last_stage}
        for size in running:
            for name, value in asdict(self._defaults[size]).items():
                if not (name == "aug_sigma" and size == sizes[0]):
                    settings[_full_name(size, name, sizes[0])] = _plain(value)
        choosers = {chooser for chooser, _ in ONLY_WITH.values()}
        for choosing in (True, False):  # what other settings depend on comes first
            for naming_stage in (False, True):  # what names its stage comes last, and so wins
                for name, value in given.items():
                    chooses = name.rpartition(".")[2] in choosers
                    if name != "stages" and chooses == choosing and ("." in name) == naming_stage:
                        _assign(settings, name, value, sizes, running)
            if choosing:
                _clear_unused(settings, running)
        self._stage_settings(settings)
        return settings

    def identity(self) -> Mapping[str, Any]:
        """Name, code version, weights' hashes, device kind and number format; loads no network."""
        from imagen.cascade import cascade_identity

        try:
            return cascade_identity(self._preset, self._last_stage, self._device, self._dtype, self._text)
        except (OSError, ValueError) as error:
            raise InputError(f"imagen: {error}") from error

    def look_ahead(self, requests: Sequence[Request]) -> None:
        """Takes down the prompts, so that `load` encodes them all before it reads the U-Nets."""
        self._prompts = [request.prompt.text for request in requests]

    def load(self) -> None:
        """Encodes the prompts that are known, and reads the weights."""
        self._loaded()

    def picture_size(self, settings: Mapping[str, Any]) -> tuple[int, int]:
        return settings["stages"], settings["stages"]

    def suggested_batch_size(self, settings: Mapping[str, Any]) -> int:
        """1: the cascade draws each picture by itself."""
        return 1

    def network_evaluations(self, settings: Mapping[str, Any]) -> int:
        return sum(self._evaluations(self._stage_settings(settings)).values())

    def _evaluations(self, stages: Mapping[int, StageSettings]) -> dict[int, int]:
        from imagen.stage import network_evaluations

        return {size: network_evaluations(self._configs[size], stage) for size, stage in stages.items()}

    def estimate_seconds(self, settings: Mapping[str, Any]) -> float | None:
        """Measured on one CPU core for the preset mini; not known for GPUs and other presets."""
        from imagen.stage import CPU_THREADS

        stages = self._stage_settings(settings)
        if (
            self._device != "cpu"
            or self._preset != DEFAULT_PRESET
            or not stages.keys() <= _CORE_SECONDS.keys()
        ):
            return None
        work = sum(n * _CORE_SECONDS[size] for size, n in self._evaluations(stages).items())
        return work / min(os.cpu_count() or 1, CPU_THREADS)

    def generate(self, requests: Sequence[Request]) -> list[Drawn | Failure]:
        results: list[Drawn | Failure] = []
        for request in requests:  # the cascade draws each by itself, and levels may change with the index
            stages = self._stage_settings(request.settings, request.index)
            (one,) = self._loaded().generate([request.prompt.text], [request.seed], stages)
            results.append(Failure("nan", one.reason) if one.image is None else Drawn(one.image, one.notes))
        return results

    def _loaded(self) -> Cascade:
        if self._cascade is None:
            from imagen.cascade import load_cascade

            try:
                self._cascade = load_cascade(
                    self._preset,
                    self._last_stage,
                    self._device,
                    self._dtype,
                    prompts=self._prompts,
                    text=self._text,
                )
            except (OSError, ValueError) as error:
                raise InputError(f"imagen: cannot load preset {self._preset!r}: {error}") from error
        return self._cascade

    def _stage_settings(self, settings: Mapping[str, Any], index: int = 0) -> dict[int, StageSettings]:
        """Resolved settings as the cascade wants them, for the sample `index` of a prompt.

        Raises InputError on values that make no sense.
        """
        from imagen.stage import StageSettings

        base = min(self._defaults)
        stages = {}
        for size, defaults in self._defaults.items():
            if size > settings["stages"]:
                continue
            fields = {
                name: settings.get(_full_name(size, name, base), value)
                for name, value in asdict(defaults).items()
            }
            if isinstance(fields["aug_sigma"], list):
                fields["aug_sigma"] = fields["aug_sigma"][index % len(fields["aug_sigma"])]
            if fields["guidance_interval"] is not None:
                fields["guidance_interval"] = tuple(fields["guidance_interval"])
            try:
                stages[size] = StageSettings(**fields)
            except ValueError as error:
                raise InputError(f"imagen, stage {size}: {error}") from error
        return stages


def _full_name(size: int, name: str, base: int) -> str:
    """The name under which a stage's setting is recorded. The base's guidance needs no stage before it."""
    return name if name == "guidance_scale" and size == base else f"{size}.{name}"


def _plain(value: Any) -> Any:
    """A default as it would come back from a file: lists for tuples."""
    return list(value) if isinstance(value, tuple) else value


def _assign(
    settings: dict[str, Any], name: str, value: Any, sizes: Sequence[int], running: Sequence[int]
) -> None:
    """Puts a given setting in the place, or places, that it is meant for."""
    stage, dot, field = name.rpartition(".")
    if dot and stage in map(str, sizes) and int(stage) not in running:
        raise InputError(f"imagen: {name} is of no use, as the stage of {stage} pixels does not run")
    if dot:
        places = [_full_name(int(stage), field, sizes[0])] if stage in map(str, sizes) else []
    elif field == "guidance_scale":
        places = [field]
    else:
        places = [f"{size}.{field}" for size in running]
    places = [place for place in places if place in settings]
    if not places:
        raise InputError(f"imagen has no setting {name!r}; it has: {', '.join(settings)}")
    if not dot:
        places = _in_use(settings, field, places)
    for place in places:
        settings[place] = _like(place, value, settings[place])


def _in_use(settings: Mapping[str, Any], field: str, places: Sequence[str]) -> list[str]:
    """Those of a field's places where another setting makes use of it. Raises InputError without any."""
    from imagen.stage import ONLY_WITH

    if field not in ONLY_WITH:
        return list(places)
    chooser, choice = ONLY_WITH[field]
    used = [place for place in places if settings[f"{place.partition('.')[0]}.{chooser}"] == choice]
    if not used:
        raise InputError(f"imagen: {field} is of use with {chooser}={choice} only, and no stage has that")
    return used


def _clear_unused(settings: dict[str, Any], running: Sequence[int]) -> None:
    """Takes back the presets' values of settings that the choices made leave without use."""
    from imagen.stage import ONLY_WITH, unused_value

    for size in running:
        for field, (chooser, choice) in ONLY_WITH.items():
            if settings[f"{size}.{chooser}"] != choice:
                settings[f"{size}.{field}"] = unused_value(field)


def _like(name: str, value: Any, default: Any) -> Any:
    """`value` as the kind of value that the setting takes. Raises InputError where it is of another kind."""
    field = name.rpartition(".")[2]
    if field == "aug_sigma" and isinstance(value, list) and value:
        levels = [number("imagen", name, level, low=0.0) for level in value]
        return levels if len(levels) > 1 else levels[0]
    if field == "guidance_interval":
        if value is None:
            return None
        if not isinstance(value, list) or len(value) != 2:
            raise InputError(f"imagen: {name} must be [low, high] in log-SNR, or null, not {value!r}")
        return [number("imagen", name, end, low=-math.inf) for end in value]
    if field == "threshold_cap":
        return None if value is None else number("imagen", name, value, low=1.0)
    if isinstance(default, float) or field == "aug_sigma":
        return number("imagen", name, value, low=0.0)
    if type(value) is not type(default):
        wanted = "a whole number" if isinstance(default, int) else "a word"
        raise InputError(f"imagen: {name} must be {wanted}, not {value!r}")
    return value


def _text_places(weights: Path | None) -> TextPlaces:
    """Text encoders are looked for where other weights are; their states go to the user's cache."""
    from imagen.text import TextPlaces

    given = os.environ.get("DRAWBENCH_WEIGHTS")
    folders = [weights, Path(given).expanduser() if given else None]
    try:
        cache = cache_dir()
    except InputError:  # a user without a home folder has no cache
        return TextPlaces(tuple(folder for folder in folders if folder))
    return TextPlaces(tuple(folder for folder in [*folders, cache / "weights"] if folder), cache / "text")
