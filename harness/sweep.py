"""Several runs that differ in some of the model's settings and share everything else, noise included."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from drawbench.errors import InputError
from harness.atomic import write_atomic, writing_to
from harness.manifest import to_json
from harness.options import RunOptions, setting_value
from harness.pipeline import Prepared, execute, prepare
from harness.progress import Progress
from harness.types import canonical_json

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Axis:
    """A setting and the values that it takes in turn."""

    name: str
    values: tuple[Any, ...]

    @classmethod
    def parse(cls, text: str, flag: str = "--sweep") -> Axis:
        """Reads "guidance_scale=1,1.5,2"; values are JSON where they can be.

        Raises InputError, which names the `flag`.
        """
        name, equals, listed = text.partition("=")
        name = name.strip().replace("-", "_")
        parts = [part.strip() for part in _split(listed)]
        if not equals or not name or not all(parts):
            raise InputError(f"{flag} {text!r}: give it as key=value,value,...")
        values = tuple(setting_value(part) for part in parts)
        if len({canonical_json(value) for value in values}) < len(values):
            raise InputError(f"{flag} {text!r}: a value stands there twice")
        return cls(name, values)


def points(axes: Sequence[Axis]) -> list[dict[str, Any]]:
    """Every combination of the axes' values, the last axis running fastest. Raises InputError."""
    names = [axis.name for axis in axes]
    if len(set(names)) < len(names):
        raise InputError("--sweep names a setting twice; give all its values in one list")
    return [dict(zip(names, values, strict=True)) for values in itertools.product(*(a.values for a in axes))]


def at(options: RunOptions, point: Mapping[str, Any]) -> RunOptions:
    """The options of one point; `model` is the model itself, every other name a setting of it.

    Raises InputError where a swept setting is given beside the sweep too.
    """
    both = [name for name in point if name in options.settings]
    if both:
        raise InputError(f"setting {both[0]!r} is swept and given a single value; leave one out")
    settings = {name: value for name, value in point.items() if name != "model"}
    model = str(point.get("model", options.model))
    return replace(options, model=model, settings={**options.settings, **settings})


def prepare_all(options: RunOptions, axes: Sequence[Axis]) -> list[Prepared]:
    """Every point prepared, so that nothing is drawn before all are known to work. Raises InputError."""
    runs = [prepare(at(options, point)) for point in points(axes)]
    folders = [run.run_dir for run in runs]
    if len(set(folders)) < len(folders):
        raise InputError("two points of the sweep come to the same settings; or --out is one run's folder")
    return runs


def execute_sweep(options: RunOptions, axes: Sequence[Axis], progress: Progress) -> dict[str, Any]:
    """Carries out each point as a run of its own and writes `sweep-<hash>.json` beside them.

    The file has each point's settings, folder, counts and scores, and is brought up to date after every
    point. The same command takes up where it was ended. Raises InputError as a single run does.
    """
    identity = prepare_all(options, axes)[0].identity
    asked = [[axis.name, list(axis.values)] for axis in axes]
    content = [dict(identity), options.bench, dict(options.settings), options.seed, asked]
    name = f"sweep-{hashlib.sha256(canonical_json(content).encode()).hexdigest()[:8]}"
    result: dict[str, Any] = {
        "schema": SCHEMA,
        "name": name,
        "axes": [{"name": axis.name, "values": list(axis.values)} for axis in axes],
        "runs": [],
    }
    for point in points(axes):
        run = prepare(at(options, point))
        summary = execute(run, progress)
        result["runs"].append(
            {
                "point": point,
                "run": run.run_dir.name,
                "run_hash": summary["run_hash"],
                "counts": summary["counts"],
                "on_failure": summary["on_failure"],
                "scores": summary["scores"],
            }
        )
        with writing_to(options.out):
            write_atomic(sweep_file(options.out, name), to_json(result))
    return result


def sweep_file(out: Path, name: str) -> Path:
    """Where a sweep's table lies."""
    return out / f"{name}.json"


def _split(listed: str) -> list[str]:
    """Splits at commas that stand in no bracket and no quotes."""
    parts, depth, quoted = [""], 0, False
    for sign in listed:
        quoted ^= sign == '"'
        if not quoted:
            depth += (sign in "[{") - (sign in "]}")
        if sign == "," and depth == 0 and not quoted:
            parts.append("")
        else:
            parts[-1] += sign
    return parts
