"""`diffusers:FOLDER` or `diffusers:REPOSITORY`: any text-to-image pipeline of the diffusers package.

Settings: `guidance_scale`, `steps`, `height`, `width`, `negative_prompt`, and every other plain parameter of
the pipeline's call under its own name, with the pipeline's own default. `scheduler` is a scheduler class by
name, with `scheduler.NAME` for its arguments. `variant` (such as fp16) and `revision` choose the files,
`offload` (none, model or sequential) moves parts to a GPU only while they are needed.

The pipelines' guidance_scale is the paper's weight w, from 1 on, which is off. Unlike in the paper 0 is off
too, and between 0 and 1 there is nothing. Some networks take the weight as an input, such as Flux;
classifier-free guidance is `true_cfg_scale` then.

A cascade of pipelines, such as DeepFloyd IF, is named stage by stage: `stage2=FOLDER` and `stage3=FOLDER`
take the picture of the stage before, and their settings are `stage2.steps` and so on.

Each picture is drawn by itself, with a CPU generator of its own and a fixed number of threads: pictures drawn
side by side round differently, and a sample must not depend on its neighbours.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drawbench.errors import InputError
from harness.models.device import choose_device
from harness.models.diffusers_files import PipelineFiles, open_pipeline
from harness.models.diffusers_settings import (
    SCHEDULER,
    call_arguments,
    checked,
    default_settings,
    guidance_meaning,
    scheduler_class,
)
from harness.models.registry import ModelOptions
from harness.types import Drawn, Failure, Request

LATER_STAGES = ("stage2", "stage3")
OFFLOADING = ("none", "model", "sequential")
DEFAULT_THREADS = 2
_FILES = ("variant", "revision")
_SHARED = ("text_encoder", "tokenizer")


@dataclass(frozen=True, slots=True)
class _Stage:
    """A pipeline of the cascade. `prefix` stands before its settings' names: "" or "stage2."."""

    prefix: str
    files: PipelineFiles
    defaults: Mapping[str, Any]


class DiffusersModel:
    """Draws with a diffusers pipeline, or several in a row.

    Raises InputError where no pipeline is named, and for a device that this machine does not have.
    """

    def __init__(self, options: ModelOptions) -> None:
        if not options.argument:
            raise InputError("model diffusers needs a folder or a repository: --model diffusers:FOLDER")
        self._options = options
        self._device, self._dtype = choose_device(options.device, options.dtype)
        self._stages: list[_Stage] = []
        self._offload = "none"
        self._pipelines: list[Any] = []

    def resolve_settings(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Every setting of every stage, under its full name. Opens, and if allowed fetches, the pipelines."""
        self._offload = given.get("offload", "none")
        if self._offload not in OFFLOADING:
            raise InputError(f"diffusers: offload must be one of {', '.join(OFFLOADING)}")
        if self._offload != "none" and not importlib.util.find_spec("accelerate"):
            raise InputError("diffusers: offload needs the package accelerate")
        files = {name: given[name] for name in (*_FILES, *LATER_STAGES) if given.get(name) is not None}
        for name, value in files.items():
            if not isinstance(value, str):
                raise InputError(f"diffusers: {name} must be text, not {value!r}")
        if "stage3" in files and "stage2" not in files:
            raise InputError("diffusers: stage3 needs a stage2")
        self._stages = self._open_stages(files)
        self._pipelines = []
        settings: dict[str, Any] = dict(files)
        if self._device == "cpu":
            settings["threads"] = DEFAULT_THREADS
        for stage in self._stages:
            settings |= {stage.prefix + name: value for name, value in stage.defaults.items()}
        for name, value in given.items():
            if name != "offload" and name not in files:
                self._assign(settings, name, value)
        return settings

    def identity(self) -> Mapping[str, Any]:
        """Pipelines, hashes of their files, number format, device kind and versions; loads no weights."""
        if not self._stages:
            self.resolve_settings({})
        return {
            "name": f"diffusers-{self._options.argument.rstrip('/').rpartition('/')[2]}",
            "version": 1,
            "stages": [
                {
                    "pipeline": stage.files.kind.__name__,
                    "components": stage.files.components,
                    "sha256": stage.files.hashes(),
                    "guidance": guidance_meaning(stage.files),
                }
                for stage in self._stages
            ],
            "device": self._device,
            "dtype": self._dtype,
            "diffusers": version("diffusers"),
            "transformers": version("transformers"),
        }

    def picture_size(self, settings: Mapping[str, Any]) -> tuple[int, int] | None:
        last = self._stages[-1].prefix
        width, height = settings.get(f"{last}width"), settings.get(f"{last}height")
        return (width, height) if width and height else None

    def suggested_batch_size(self, settings: Mapping[str, Any]) -> int:
        """1: each picture is drawn by itself."""
        return 1

    def load(self) -> None:
        """Reads the weights. Raises InputError where a pipeline cannot be built from its files."""
        if not self._stages:
            self.resolve_settings({})
        for stage in self._stages[len(self._pipelines) :]:
            self._pipelines.append(self._load(stage))

    def generate(self, requests: Sequence[Request]) -> list[Drawn | Failure]:
        self.load()
        return [self._draw(request) for request in requests]

    def _open_stages(self, files: Mapping[str, str]) -> list[_Stage]:
        variant = files.get("variant")
        opened = [
            open_pipeline(
                self._options.argument, self._options, revision=files.get("revision"), variant=variant
            )
        ]
        for name in LATER_STAGES:
            if name in files:
                opened.append(open_pipeline(files[name], self._options, variant=variant, later=True))
        prefixes = ["", *(f"{name}." for name in LATER_STAGES)]
        return [
            _Stage(prefix, stage, default_settings(stage))
            for prefix, stage in zip(prefixes, opened, strict=False)
        ]

    def _assign(self, settings: dict[str, Any], name: str, value: Any) -> None:
        """Puts a given setting in its place. Raises InputError where there is none for it."""
        for stage in self._stages:
            if SCHEDULER in stage.defaults and name.startswith(f"{stage.prefix}{SCHEDULER}."):
                settings[name] = value
                return
        if name == "threads" and "threads" in settings:
            if type(value) is not int or value < 1:
                raise InputError(f"diffusers: threads must be a whole number of at least 1, not {value!r}")
            settings[name] = value
            return
        for stage in self._stages:
            field = name.removeprefix(stage.prefix)
            if name == stage.prefix + field and field in stage.defaults:
                settings[name] = checked(name, value, stage.defaults[field], stage.files)
                return
        known = ", ".join(sorted({*settings, *_FILES, *LATER_STAGES, "offload"}))
        raise InputError(f"model diffusers has no setting {name!r}; it has: {known}")

    def _load(self, stage: _Stage) -> Any:
        import torch

        more: dict[str, Any] = {}
        if stage.prefix:
            more = self._shared_parts(stage.files)
        if not importlib.util.find_spec("accelerate"):
            more["low_cpu_mem_usage"] = False
        with _quiet():
            try:
                pipeline = stage.files.kind.from_pretrained(
                    stage.files.folder,
                    torch_dtype=getattr(torch, self._dtype),
                    variant=stage.files.variant,
                    use_safetensors=True if stage.files.safetensors else None,
                    local_files_only=True,
                    **more,
                )
            except Exception as error:  # whatever is wrong with the files, no picture can be drawn
                reason = " ".join(str(error).split())[:300] or type(error).__name__
                raise InputError(f"diffusers: cannot load {stage.files.folder}: {reason}") from error
            pipeline.set_progress_bar_config(disable=True)
            if self._offload == "none":
                return pipeline.to(self._device)
            offload = f"enable_{self._offload}_cpu_offload"
            getattr(pipeline, offload)(device=self._device)
        return pipeline

    def _shared_parts(self, files: PipelineFiles) -> dict[str, Any]:
        """The first stage's text encoder, where a later stage of the same kind has none or the same one."""
        first = self._stages[0].files
        mine, theirs = files.index, first.index
        if any(name not in mine or not theirs.get(name) for name in _SHARED):
            return {}
        lacking = all(mine[name][-1] is None for name in _SHARED)
        if not lacking and not _same_parts(first, files):
            return {}
        return {name: getattr(self._pipelines[0], name) for name in _SHARED}

    def _draw(self, request: Request) -> Drawn | Failure:
        notes: list[str] = []
        pixels: NDArray[np.uint8] | None = None
        for number, (stage, pipeline) in enumerate(zip(self._stages, self._pipelines, strict=True)):
            arguments = call_arguments(request.settings, stage.defaults, stage.prefix)
            if pixels is not None:
                from PIL import Image

                arguments["image"] = Image.fromarray(pixels)
            self._set_scheduler(stage, pipeline, request.settings)
            with _computing(request.settings.get("threads")), _truncations(notes):
                answer = pipeline(
                    prompt=request.prompt.text,
                    generator=_generator(request.seed, number),
                    output_type="np",
                    **arguments,
                )
            where = f" in stage {number + 1}" if len(self._stages) > 1 else ""
            for name in ("nsfw_content_detected", "nsfw_detected"):
                if any(getattr(answer, name, None) or ()):
                    return Failure("filtered", f"the pipeline's safety checker flagged the picture{where}")
            values = np.asarray(answer.images[0])
            if not np.isfinite(values).all():
                return Failure("nan", f"the pipeline gave values that are NaN or infinite{where}")
            pixels = _eight_bits(values)
        assert pixels is not None
        return Drawn(pixels, tuple(dict.fromkeys(notes)))

    def _set_scheduler(self, stage: _Stage, pipeline: Any, settings: Mapping[str, Any]) -> None:
        """Gives the pipeline the settings' scheduler. Raises InputError where it takes no such argument."""
        if SCHEDULER not in stage.defaults:
            return
        dotted = f"{stage.prefix}{SCHEDULER}."
        arguments = {name.removeprefix(dotted): v for name, v in settings.items() if name.startswith(dotted)}
        kind = scheduler_class(
            settings.get(f"{stage.prefix}{SCHEDULER}", stage.defaults[SCHEDULER]), stage.files
        )
        config = pipeline.scheduler.config
        if type(pipeline.scheduler) is kind and all(config.get(n) == v for n, v in arguments.items()):
            return
        with _quiet():
            scheduler = kind.from_config(config, **arguments)
        unknown = [name for name in arguments if name not in scheduler.config]
        if unknown:
            raise InputError(f"diffusers: {kind.__name__} has no argument {unknown[0]!r}")
        pipeline.scheduler = scheduler


def _same_parts(first: PipelineFiles, second: PipelineFiles) -> bool:
    """Whether two pipelines have the same text encoder, byte by byte."""
    one, two = first.hashes(), second.hashes()
    beginnings = tuple(f"{name}/" for name in _SHARED)
    mine = {name: digest for name, digest in one.items() if name.startswith(beginnings)}
    theirs = {name: digest for name, digest in two.items() if name.startswith(beginnings)}
    return bool(mine) and mine == theirs


def _generator(seed: int, stage: int) -> Any:
    """A CPU generator, so that devices draw the same noise. Later stages get other noise than the first."""
    import torch

    if stage:
        digest = hashlib.sha256(f"{seed}\0stage{stage + 1}".encode()).digest()
        seed = int.from_bytes(digest[:8], "big") & (2**63 - 1)
    return torch.Generator("cpu").manual_seed(seed)


def _eight_bits(values: NDArray[Any]) -> NDArray[np.uint8]:
    """0..1 in floating point to 0..255, rounded; grey becomes RGB."""
    pixels = values if values.dtype == np.uint8 else np.rint(np.clip(values, 0.0, 1.0) * 255.0)
    rgb = np.repeat(pixels, 3, axis=-1) if pixels.shape[-1] == 1 else pixels[..., :3]
    return np.ascontiguousarray(rgb.astype(np.uint8))


@contextmanager
def _computing(threads: int | None) -> Iterator[None]:
    """A fixed number of CPU threads and cuDNN's deterministic algorithms, as both change the last bits."""
    import torch

    before = torch.get_num_threads()
    try:
        if threads:
            torch.set_num_threads(threads)
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            yield
    finally:
        torch.set_num_threads(before)


class _Warnings(logging.Handler):
    """Collects what a pipeline says about prompts that it cut."""

    def __init__(self, notes: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._notes = notes

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        length = re.search(r"(\d+) tokens", message)
        if "truncated" in message and length:
            reader = " by CLIP" if "CLIP" in message else ""
            self._notes.append(f"prompt truncated to {length[1]} tokens{reader}")


@contextmanager
def _truncations(notes: list[str]) -> Iterator[None]:
    """Adds to `notes` how prompts were cut: the pipelines say so in their warnings, and only there."""
    with _quiet():
        logger = logging.getLogger("diffusers")
        handler, level = _Warnings(notes), logger.level
        logger.addHandler(handler)
        logger.setLevel(logging.WARNING)
        try:
            yield
        finally:
            logger.removeHandler(handler)
            logger.setLevel(level)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the packages' bars and warnings off the terminal, and puts everything back."""
    from diffusers.utils import logging as theirs
    from transformers.utils import logging as others

    bars = others.is_progress_bar_enabled()
    level = others.get_verbosity()
    theirs.disable_default_handler()
    theirs.disable_progress_bar()
    others.disable_progress_bar()
    others.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        theirs.enable_default_handler()
        theirs.enable_progress_bar()
        others.set_verbosity(level)
        if bars:
            others.enable_progress_bar()
