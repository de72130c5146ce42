"""The JSON file of a sweep's curves, which figures are drawn from.

It holds every number with its interval, its identity and the numbers without each group of prompts, so that
fronts, ellipses and hypervolumes follow from it alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drawbench.errors import InputError
from harness.atomic import write_atomic
from harness.manifest import to_json
from harness.pareto.curves import Curve, Measure, Pareto, Point, Value
from harness.stats import Interval

SCHEMA = 1
KIND = "drawbench pareto"


def pareto_json(pareto: Pareto) -> dict[str, Any]:
    """The file's content. Derived numbers stand beside the others, for other programs."""
    front = pareto.front()
    curves = []
    for c, curve in enumerate(pareto.curves):
        own, bend = pareto.curve_front(curve), pareto.knee(curve)
        value, interval = pareto.hypervolume(curve.points)
        points = []
        for p, point in enumerate(curve.points):
            derived = {
                "on_front": (c, p) in front,
                "on_curve_front": p in own,
                "knee": p == bend,
                "covariance": _plain_matrix(point.covariance),
            }
            points.append({**_point_json(point), **derived})
        curves.append(
            {
                "label": curve.label,
                "variant": dict(curve.variant),
                "hypervolume": _interval_json(value, interval),
                "stopped": curve.stopped,
                "points": points,
            }
        )
    value, interval = pareto.hypervolume(pareto.points)
    differences = [
        {"curve": curve.label, "minus": pareto.curves[0].label, **_interval_json(*difference)}
        for curve, difference in pareto.differences()
    ]
    return {
        "schema": SCHEMA,
        "kind": KIND,
        "name": pareto.name,
        "about": dict(pareto.about),
        "along": pareto.along,
        "alignment": _measure_json(pareto.alignment),
        "quality": _measure_json(pareto.quality),
        "reference_point": {"alignment": pareto.reference[0], "quality": pareto.reference[1]},
        "hypervolume": _interval_json(value, interval),
        "hypervolume_differences": differences,
        "curves": curves,
    }


def write_pareto(pareto: Pareto, path: Path) -> None:
    """Writes the JSON file whole or not at all. Raises OSError."""
    write_atomic(path, to_json(pareto_json(pareto)))


def read_pareto(path: Path) -> Pareto:
    """A file that `write_pareto` wrote. Raises InputError where it is none, or of another schema."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not isinstance(content, dict) or content.get("kind") != KIND:
        raise InputError(f"{path} is not a file that drawbench pareto wrote")
    if content.get("schema") != SCHEMA:
        raise InputError(
            f"{path} is of schema {content.get('schema')}, and this version reads {SCHEMA}; sweep again"
        )
    try:
        pareto = Pareto(
            name=content["name"],
            along=content["along"],
            alignment=Measure(**content["alignment"]),
            quality=Measure(**content["quality"]),
            reference=(content["reference_point"]["alignment"], content["reference_point"]["quality"]),
            curves=tuple(
                Curve(
                    entry["label"],
                    entry["variant"],
                    tuple(_point(one) for one in entry["points"]),
                    entry["stopped"],
                )
                for entry in content["curves"]
            ),
            about=content["about"],
        )
        groups = {len(point.left_out) for point in pareto.points if point.scored}
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged: {type(error).__name__} {error}; sweep again") from None
    if len(groups) > 1:
        raise InputError(f"{path} is damaged: its points leave out different numbers of groups; sweep again")
    return pareto


def _measure_json(measure: Measure) -> dict[str, Any]:
    return {"metric": measure.metric, "identity": measure.identity, "direction": measure.direction}


def _interval_json(value: float, interval: Interval) -> dict[str, Any]:
    return {
        "value": _plain(value),
        "low": _plain(interval.low),
        "high": _plain(interval.high),
        "method": interval.method,
    }


def _point_json(point: Point) -> dict[str, Any]:
    def score(value: Value | None) -> dict[str, Any] | None:
        if value is None:
            return None
        of_value = _interval_json(value.value, Interval(value.low, value.high, value.method))
        return {**of_value, "n": value.n}

    return {
        "at": point.at,
        "run": point.run,
        "run_hash": point.run_hash,
        "pictures": point.pictures,
        "model": dict(point.model),
        "settings": dict(point.settings),
        "counts": dict(point.counts),
        "failures": list(point.failures),
        "alignment": score(point.alignment),
        "quality": score(point.quality),
        "left_out": [list(pair) for pair in point.left_out],
        "reason": point.reason,
    }


def _point(entry: Mapping[str, Any]) -> Point:
    def score(name: str) -> Value | None:
        found = entry[name]
        if found is None:
            return None
        low, high = (math.nan if found[end] is None else found[end] for end in ("low", "high"))
        return Value(found["value"], low, high, found["n"], found["method"])

    return Point(
        at=entry["at"],
        run=entry["run"],
        run_hash=entry["run_hash"],
        pictures=entry["pictures"],
        settings=entry["settings"],
        model=entry["model"],
        counts=entry["counts"],
        failures=tuple(entry["failures"]),
        alignment=score("alignment"),
        quality=score("quality"),
        left_out=tuple((float(x), float(y)) for x, y in entry["left_out"]),
        reason=entry["reason"],
    )


def _plain(value: float) -> float | None:
    return float(f"{value:.7g}") if math.isfinite(value) else None


def _plain_matrix(matrix: NDArray[np.float64]) -> list[list[float | None]]:
    return [[_plain(float(value)) for value in row] for row in matrix]
