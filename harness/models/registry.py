"""Finds a model by its spec: a name, a name with an argument (`folder:PATH`), or `my_pkg.module:MyModel`.

Names come from the built-in list and from the entry points of group `drawbench.models`. What is found is a
class or function that takes a `ModelOptions`, or nothing at all, and gives a Model.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from drawbench.errors import InputError
from harness.types import Model

ENTRY_POINT_GROUP = "drawbench.models"

BUILT_IN: dict[str, tuple[str, str]] = {
    "imagen": ("harness.models.imagen:ImagenModel", "the built-in cascade; imagen:PRESET chooses a preset"),
    "folder": ("harness.models.folder:FolderModel", "folder:PATH, pictures that exist already"),
    "dummy": ("harness.models.dummy:DummyModel", "coloured patterns, to try the machinery"),
}


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """What a model's constructor is told. `argument` is what stood after the name and a colon."""

    argument: str = ""
    device: str = "auto"
    dtype: str = "auto"
    weights: Path | None = None
    offline: bool = False


def model_names() -> dict[str, str]:
    """name -> one line about it, for every model that can be named; built-in ones first."""
    names = {name: about for name, (_, about) in BUILT_IN.items()}
    for point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        names.setdefault(point.name, f"from {point.value}")
    return names


def load_model(spec: str, options: ModelOptions) -> Model:
    """The model that `spec` names, built with `options` and the spec's own argument.

    Raises InputError where there is none, or where its module or constructor refuses.
    """
    name, _, argument = spec.partition(":")
    options = ModelOptions(argument, options.device, options.dtype, options.weights, options.offline)
    if name in BUILT_IN:
        factory = _attribute(BUILT_IN[name][0], spec)
    else:
        points = [p for p in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP) if p.name == name]
        if points:
            factory = _attribute(points[0].value, spec)
        elif argument and all(part.isidentifier() for part in name.split(".")):
            factory = _attribute(spec, spec)
        else:
            known = ", ".join(model_names())
            raise InputError(
                f"unknown model {spec!r}; known are {known}, and my_pkg.module:MyModel for one of your own"
            )
    return _build(factory, spec, options)


def _attribute(target: str, spec: str) -> Any:
    """The object at "module:attribute". The current folder is searched too, as under `python -m`."""
    module_name, _, path = target.partition(":")
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)
    try:
        found: Any = importlib.import_module(module_name)
    except ImportError as error:
        raise InputError(f"model {spec!r}: cannot import {module_name}: {error}") from error
    for part in path.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise InputError(f"model {spec!r}: {module_name} has no {path!r}") from None
    return found


def _build(factory: Any, spec: str, options: ModelOptions) -> Model:
    if callable(factory) and (inspect.isclass(factory) or not hasattr(factory, "generate")):
        maker = cast(Callable[..., Any], factory)
        try:
            parameters = inspect.signature(maker).parameters
        except (TypeError, ValueError):
            parameters = inspect.signature(lambda options: None).parameters
        model = maker(options) if parameters else maker()
    else:
        model = factory
    lacking = [name for name in ("identity", "generate") if not callable(getattr(model, name, None))]
    if lacking:
        raise InputError(f"model {spec!r} has no {' and no '.join(lacking)} method, so it is no model")
    return cast(Model, model)
