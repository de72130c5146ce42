"""The settings of a diffusers pipeline: what its `__call__` takes, under our names, with its own defaults."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Mapping
from typing import Any

from drawbench.errors import InputError
from harness.models.diffusers_files import PipelineFiles
from harness.models.settings import number

OWN_NAMES = {"num_inference_steps": "steps"}
SCHEDULER = "scheduler"

# Not a user's to give: what a request says, what changes the kind of answer, and tensors.
_HIDDEN = {
    "self", "kwargs", "args", "prompt", "prompt_2", "prompt_3", "prompt_4", "image", "generator", "latents",
    "output_type", "return_dict", "num_images_per_prompt", "callback", "callback_steps",
    "callback_on_step_end", "callback_on_step_end_tensor_inputs", "cross_attention_kwargs",
    "joint_attention_kwargs", "attention_kwargs",
}  # fmt: skip
_TENSORS = ("embeds", "attention_mask", "ip_adapter", "_image", "_mask")
_PAIRS = ("_size", "_top_left")
"""Parameters that are pairs: tuples there, lists in JSON."""
_CLEANERS = ("bs4", "ftfy")
"""Without these packages a pipeline leaves `clean_caption` undone."""


def default_settings(files: PipelineFiles) -> dict[str, Any]:
    """Every setting of a pipeline with its default: the call's parameters, and the scheduler's class."""
    defaults: dict[str, Any] = {}
    for name, parameter in inspect.signature(files.kind.__call__).parameters.items():
        if name in _HIDDEN or any(part in name for part in _TENSORS):
            continue
        default = None if parameter.default is inspect.Parameter.empty else parameter.default
        if default is None or isinstance(default, bool | int | float | str | list | tuple):
            defaults[OWN_NAMES.get(name, name)] = list(default) if isinstance(default, tuple) else default
    if defaults.get("clean_caption") is True and not _can_clean():
        defaults["clean_caption"] = False
    if SCHEDULER in files.components:
        defaults[SCHEDULER] = files.components[SCHEDULER]
    return defaults


def checked(name: str, value: Any, default: Any, files: PipelineFiles) -> Any:
    """`value` as the kind of value that the setting takes. Raises InputError where it is of another kind."""
    field = name.rpartition(".")[2]
    if field == SCHEDULER:
        return scheduler_class(str(value), files).__name__
    if field in ("guidance_scale", "true_cfg_scale"):
        scale = number("diffusers", name, value, low=0.0)
        if 0.0 < scale < 1.0:
            raise InputError(f"diffusers: {name} must be 0, or at least 1: pipelines guide only above 1")
        return scale
    if field in ("steps", "height", "width") and value is not None:
        if type(value) is not int or value < 1:
            raise InputError(f"diffusers: {name} must be a whole number of at least 1, not {value!r}")
        return value
    if field == "negative_prompt" and value is not None and not isinstance(value, str):
        raise InputError(f"diffusers: {name} must be text, not {value!r}")
    if field == "clean_caption" and value is True and not _can_clean():
        raise InputError("diffusers: clean_caption needs the packages beautifulsoup4 and ftfy")
    if default is None or value is None:
        return value
    if isinstance(default, float):
        return number("diffusers", name, value, low=float("-inf"))
    if type(value) is not type(default):
        kinds = {bool: "true or false", int: "a whole number", str: "text", list: "a list"}
        raise InputError(f"diffusers: {name} must be {kinds[type(default)]}, not {value!r}")
    return value


def scheduler_class(name: str, files: PipelineFiles) -> type[Any]:
    """The scheduler class of that name, with or without "Scheduler" behind it.

    Raises InputError, naming those that can be had, where the pipeline's own scheduler has no such relative.
    """
    import diffusers

    own = getattr(diffusers, files.components[SCHEDULER], None)
    if own is None:
        raise InputError(f"diffusers: no scheduler is called {files.components[SCHEDULER]}")
    allowed = list(dict.fromkeys([own.__name__, *getattr(own, "_compatibles", ())]))
    for candidate in allowed:
        if name.lower() in (candidate.lower(), candidate.lower().removesuffix("scheduler")):
            found = getattr(diffusers, candidate, None)
            if isinstance(found, type):
                return found
    raise InputError(f"diffusers: scheduler must be one of {', '.join(allowed)}, not {name!r}")


def guidance_meaning(files: PipelineFiles) -> str:
    """What `guidance_scale` is for this pipeline, for its identity."""
    parameters = inspect.signature(files.kind.__call__).parameters
    if "guidance_scale" not in parameters:
        return "none"
    if "true_cfg_scale" in parameters:
        return "guidance_scale is an input of the network; true_cfg_scale is classifier-free, 1 is off"
    return "classifier-free, 1 is off"


def call_arguments(settings: Mapping[str, Any], defaults: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The settings of one stage as its pipeline's own parameters; those that say nothing are left out."""
    theirs = {ours: name for name, ours in OWN_NAMES.items()}
    found = {name: settings.get(prefix + name, default) for name, default in defaults.items()}
    return {
        theirs.get(name, name): tuple(value) if name.endswith(_PAIRS) and isinstance(value, list) else value
        for name, value in found.items()
        if name != SCHEDULER and value is not None
    }


def _can_clean() -> bool:
    return all(importlib.util.find_spec(package) for package in _CLEANERS)
