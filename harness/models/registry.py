"""Finds a model by its spec: a name, a name with an argument (`folder:PATH`), or `my_pkg.module:MyModel`.

Names come from the built-in list and from the entry points of group `drawbench.models`. What is found is a
class or function that takes a `ModelOptions`, or nothing at all, and gives a Model. A module of one's own may
be written as `python:my_pkg.module:MyModel` too, and be given an argument: `my_pkg.module:MyModel:ARGUMENT`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from drawbench.errors import InputError
from harness.types import Model

ENTRY_POINT_GROUP = "drawbench.models"
PYTHON = "python"


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """A built-in model: where its class is, one line about it, and what a user must have for it.

    `package` is an optional package that it cannot do without, `variable` the environment's variable that may
    hold what it needs.
    """

    target: str
    about: str
    needs: str = "nothing"
    package: str | None = None
    variable: str | None = None


BUILT_IN: Mapping[str, BuiltIn] = {
    "imagen": BuiltIn(
        "harness.models.imagen:ImagenModel", "the built-in cascade; imagen:PRESET chooses a preset"
    ),
    "diffusers": BuiltIn(
        "harness.models.diffusers_pipeline:DiffusersModel",
        "diffusers:FOLDER or diffusers:REPOSITORY, a text-to-image pipeline of the diffusers package",
        "its weights: a folder, the hub's cache, or --download",
        "diffusers",
    ),
    "openai": BuiltIn(
        "harness.models.openai_images:OpenAIModel",
        "openai:MODEL, an endpoint that speaks OpenAI's images/generations",
        "a key, or base_url and a server of your own",
        variable="OPENAI_API_KEY",
    ),
    "http": BuiltIn(
        "harness.models.http_server:HttpModel", "http://HOST/PATH, a server of your own", "the server"
    ),
    "https": BuiltIn(
        "harness.models.http_server:HttpsModel", "https://HOST/PATH, a server of your own", "the server"
    ),
    "command": BuiltIn(
        "harness.models.command:CommandModel",
        "command:'PROGRAM ARGUMENTS', a program that reads JSON lines and writes picture files",
        "the program",
    ),
    "folder": BuiltIn(
        "harness.models.folder:FolderModel", "folder:PATH, pictures that exist already", "the folder"
    ),
    PYTHON: BuiltIn(
        "harness.models.registry:",
        "python:my_pkg.module:MyModel, a class of your own; its name alone does too",
        "the module",
    ),
    "dummy": BuiltIn("harness.models.dummy:DummyModel", "coloured patterns, to try the machinery"),
}


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """What a model's constructor is told. `argument` is what stood after the name and a colon.

    `weights` is a folder to look for weights in; only `download` lets them be fetched, and `offline` forbids
    the network altogether.
    """

    argument: str = ""
    device: str = "auto"
    dtype: str = "auto"
    weights: Path | None = None
    offline: bool = False
    download: bool = False


def model_names() -> dict[str, str]:
    """name -> one line about it, for every model that can be named; built-in ones first."""
    names = {name: entry.about for name, entry in BUILT_IN.items()}
    for point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        names.setdefault(point.name, f"from {point.value}")
    return names


def load_model(spec: str, options: ModelOptions) -> Model:
    """The model that `spec` names, built with `options` and the spec's own argument.

    Raises InputError where there is none, or where its module or constructor refuses.
    """
    name, _, argument = spec.partition(":")
    if name in BUILT_IN and name != PYTHON:
        return _build(_attribute(BUILT_IN[name].target, spec), spec, replace(options, argument=argument))
    points = [p for p in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP) if p.name == name]
    if points and name != PYTHON:
        return _build(_attribute(points[0].value, spec), spec, replace(options, argument=argument))
    target = argument if name == PYTHON else spec
    module, _, rest = target.partition(":")
    attribute, _, argument = rest.partition(":")
    if attribute and all(part.isidentifier() for part in module.split(".")):
        found = _attribute(f"{module}:{attribute}", spec)
        return _build(found, spec, replace(options, argument=argument))
    known = ", ".join(model_names())
    raise InputError(
        f"unknown model {spec!r}; known are {known}, and my_pkg.module:MyModel for one of your own"
    )


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
