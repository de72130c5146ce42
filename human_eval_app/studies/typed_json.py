"""Dataclasses to plain JSON and back, strictly: a wrong type or an unknown field is an error."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import types
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


class MalformedError(ValueError):
    """The JSON does not describe the type. The message starts with the place, e.g. "items[3].caption"."""


def to_plain(value: Any) -> Any:
    """Dataclasses as dicts, tuples as lists, mappings with sorted keys; numbers and strings as they are."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(value[key]) for key in sorted(value)}
    if isinstance(value, list | tuple):
        return [to_plain(part) for part in value]
    return value


def canonical_json(value: Any) -> str:
    """One text for one value: sorted keys, no spaces, ASCII, no NaN."""
    return json.dumps(to_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def from_plain(kind: type[T], data: Any) -> T:
    """`data`, as JSON gives it, as an instance of the dataclass `kind`.

    Understands str, int, float, bool, None, Literal, unions of those, tuple[X, ...], Mapping[str, X] and
    dataclasses of them. Fields with a default may be missing. Raises MalformedError.
    """
    built: T = _read(kind, data, "")
    return built


def _read(kind: Any, data: Any, place: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _read_dataclass(kind, data, place)
    if origin is Literal:
        if data not in arguments:
            _refuse(place, f"one of {', '.join(map(repr, arguments))}", data)
        return data
    if origin in (Union, types.UnionType):
        for option in arguments:
            try:
                return _read(option, data, place)
            except MalformedError:
                continue
        _refuse(place, str(kind), data)
    if origin is tuple:
        if not isinstance(data, list):
            _refuse(place, "a list", data)
        return tuple(_read(arguments[0], part, f"{place}[{i}]") for i, part in enumerate(data))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(data, dict):
            _refuse(place, "an object", data)
        return {key: _read(arguments[1], part, f"{place}.{key}") for key, part in data.items()}
    return _read_scalar(kind, data, place)


def _read_scalar(kind: Any, data: Any, place: str) -> Any:
    if kind is Any:
        return data
    if kind is type(None):
        return None if data is None else _refuse(place, "null", data)
    if kind is float and type(data) in (int, float) and math.isfinite(data):
        return float(data)
    if type(data) is not kind or (kind is float and not math.isfinite(data)):
        _refuse(
            place, {str: "a text", int: "a whole number", float: "a number"}.get(kind, kind.__name__), data
        )
    return data


def _read_dataclass(kind: Any, data: Any, place: str) -> Any:
    if not isinstance(data, dict):
        _refuse(place or kind.__name__, "an object", data)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    at = f"{place}." if place else ""
    for name in data:
        if name not in fields:
            raise MalformedError(f"{at}{name} is no field of {kind.__name__}")
    for name, field in fields.items():
        optional = (
            field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        )
        if name not in data and not optional:
            raise MalformedError(f"{at}{name} is missing")
    hints = _hints(kind)
    return kind(**{name: _read(hints[name], part, f"{at}{name}") for name, part in data.items()})


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _refuse(place: str, wanted: str, data: Any) -> Any:
    shown = repr(data)
    shown = shown if len(shown) <= 40 else shown[:37] + "..."
    raise MalformedError(f"{place or 'the value'} should be {wanted}, not {shown}")
