"""`--config run.toml`: the flags of a command, and the model's settings, from a file. Flags stand above it.

model = "imagen"
bench = "scenes:n=300"
samples_per_prompt = 4

[settings]
guidance_scale = 1.5
"64.sampler" = "heun"
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from drawbench.errors import InputError

SETTINGS = "settings"
_OWN = ("config", "dry_run", "as_json")


def use_config(context: typer.Context, path: Path | None) -> Path | None:
    """An option's callback: makes the file's values the command's defaults. Raises InputError."""
    if path is not None:
        flags, settings = read_config(path, _names(context))
        context.default_map = {**(context.default_map or {}), **flags}
        context.meta[SETTINGS] = settings
    return path


def config_settings(context: typer.Context) -> dict[str, Any]:
    """The model's settings that the file gave; none without a file."""
    return dict(context.meta.get(SETTINGS, {}))


def read_config(path: Path, names: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(flags by parameter name, settings of the model) of a TOML file.

    `names` maps what a file may say to the command's parameters. Raises InputError where the file cannot be
    read, is no TOML, or says something that is not in `names`.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--config {path} cannot be read: {getattr(error, 'strerror', error)}") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"--config {path} is no TOML: {error}") from error
    settings = content.pop(SETTINGS, {})
    if not isinstance(settings, dict):
        raise InputError(f"--config {path}: [settings] must be a table of the model's settings")
    flags = {}
    for name, value in content.items():
        if name.replace("-", "_") not in names:
            known = ", ".join(sorted(names))
            raise InputError(f"--config {path}: {name!r} is no flag of this command; it has {known}")
        if isinstance(value, dict):
            raise InputError(f"--config {path}: {name} is a table; only [settings] may be one")
        flags[names[name.replace("-", "_")]] = value
    return flags, _flat(settings)


def _flat(settings: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Tables within tables as dotted names: [settings.64] sampler is the setting "64.sampler"."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{before}{name}.")
        else:
            flat[before + name] = json.loads(json.dumps(value, default=str))
    return flat


def _names(context: typer.Context) -> dict[str, str]:
    """What a file may name: each parameter and each of its long flags -> the parameter."""
    names: dict[str, str] = {}
    for parameter in context.command.params:
        if parameter.name is None or parameter.name in (*_OWN, SETTINGS):
            continue
        flags = [flag.lstrip("-").replace("-", "_") for flag in parameter.opts if flag.startswith("--")]
        names |= dict.fromkeys([parameter.name, *flags], parameter.name)
    return names
