"""Whether the numbers of two runs may be set against each other, and if not, because of what."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from drawbench.errors import InputError
from harness.manifest import first_difference

MUST_AGREE = ("bench.name", "bench.version", "bench.digest", "run_seed", "seed_rule")
_MAY_DIFFER = ("model.identity", "settings")


class NotComparable(InputError):
    """Two runs, or two numbers, that no difference should be taken of; the message names the `field`."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


def check_runs(a: Mapping[str, Any], b: Mapping[str, Any], apart_from: Collection[str] = ()) -> None:
    """Raises NotComparable where the manifests of two runs are not of one bench and one seed.

    Fields of MUST_AGREE that `apart_from` has may differ.
    """
    for field in MUST_AGREE:
        if field in apart_from:
            continue
        there, here = _at(a, field), _at(b, field)
        if there != here:
            raise NotComparable(
                f"the runs are not comparable: {field} is {_shown(there)} in A and {_shown(here)} in B",
                field,
            )


def check_identities(metric: str, a: str, b: str) -> None:
    """Raises NotComparable where a metric's identities differ, naming the first part that does."""
    if a == b:
        return
    mine, other = identity_parts(a), identity_parts(b)
    pairs = [(x, y) for x, y in zip(mine, other, strict=False) if x != y]
    if len(mine) == len(other):
        (here, there), more = pairs[0], len(pairs) - 1
        rest = f" ({more} more parts differ)" if more else ""
    else:
        here, there, rest = a, b, ""
    raise NotComparable(
        f"metric {metric} is not comparable: its identity has {here!r} in A and {there!r} in B{rest}; score "
        f"both runs alike, or choose others with --metrics",
        f"identity of {metric}",
    )


def identity_parts(identity: str) -> list[str]:
    """The parts of `name[a|b|c]`: name, a, b, c."""
    name, _, inside = identity.partition("[")
    return [name, *inside.removesuffix("]").split("|")]


def differing_fields(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(field, in A, in B) of every part of model and settings in which two manifests differ."""
    return [
        (field, _shown(there), _shown(here))
        for part in _MAY_DIFFER
        for field, there, here in _differences(_at(a, part), _at(b, part), part)
    ]


def _differences(a: Any, b: Any, field: str) -> Iterable[tuple[str, Any, Any]]:
    if isinstance(a, dict) and isinstance(b, dict):
        for name in sorted({*a, *b}):
            yield from _differences(a.get(name), b.get(name), f"{field}.{name}")
    elif first_difference(a, b) is not None:
        yield field, a, b


def _at(manifest: Mapping[str, Any], field: str) -> Any:
    value: Any = manifest
    for name in field.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
