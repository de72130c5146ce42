"""Metrics: functions over features. Found by name, built-in ones and those of other packages.

Another package adds one with an entry point in the group "drawbench.metrics" that names a metric object, or a
class or function that gives one when called without arguments. `my_package.module:name` works too.
"""

from __future__ import annotations

import difflib
import importlib
from functools import cache
from importlib.metadata import entry_points

from drawbench.errors import InputError
from harness.metrics.alignment import AlignConse
from harness.metrics.base import Estimate, Inputs, Metric, PerImageMetric, ReferenceFeatures, SetMetric
from harness.metrics.clip_score import CLIP_SCORES
from harness.metrics.geneval import GENEVAL_METRICS
from harness.metrics.pick_score import PickScore
from harness.metrics.r_precision import ClipRPrecision
from harness.metrics.saturation import SaturatedValues
from harness.metrics.scenes import SCENES_METRICS
from harness.metrics.set_metrics import SET_METRICS
from harness.metrics.vqa_score import VqaScore
from harness.metrics.written_text import WRITTEN_TEXT_METRICS

GROUP = "drawbench.metrics"

__all__ = [
    "GROUP",
    "Estimate",
    "Inputs",
    "Metric",
    "PerImageMetric",
    "ReferenceFeatures",
    "SetMetric",
    "find_metric",
    "names",
]

AnyMetric = PerImageMetric | SetMetric


def built_in() -> tuple[AnyMetric, ...]:
    """This package's own metrics, in the order in which results show them."""
    return tuple(_builtin().values())


def find_metric(name: str) -> AnyMetric:
    """The metric of that name. Raises InputError, with suggestions, for an unknown one."""
    if name in _builtin():
        return _builtin()[name]
    for point in entry_points(group=GROUP):
        if point.name == name:
            try:
                return _checked(point.load(), f"entry point {name!r}")
            except ImportError as error:
                raise InputError(f"metric {name!r} of {point.value} cannot be imported: {error}") from error
    if ":" in name:
        return _imported(name)
    close = difflib.get_close_matches(name, names(), n=2, cutoff=0.5)
    hint = f"; did you mean {' or '.join(close)}?" if close else "."
    raise InputError(f"unknown metric {name!r}{hint} Known are {', '.join(names())}")


def names() -> list[str]:
    """Every metric's name, sorted."""
    return sorted({*_builtin(), *(point.name for point in entry_points(group=GROUP))})


def _imported(name: str) -> AnyMetric:
    module, _, attribute = name.partition(":")
    try:
        return _checked(getattr(importlib.import_module(module), attribute), name)
    except (ImportError, AttributeError) as error:
        raise InputError(f"metric {name!r} cannot be imported: {error}") from error


def _checked(loaded: object, source: str) -> AnyMetric:
    ready = not isinstance(loaded, type) and isinstance(loaded, PerImageMetric | SetMetric)
    made = loaded() if callable(loaded) and not ready else loaded
    if not isinstance(made, PerImageMetric | SetMetric):
        raise InputError(
            f"{source} is no metric: it has neither per_image nor whole_set, or lacks an attribute"
        )
    return made


@cache
def _builtin() -> dict[str, AnyMetric]:
    metrics: tuple[AnyMetric, ...] = (
        *CLIP_SCORES,
        ClipRPrecision(),
        PickScore(),
        VqaScore(),
        AlignConse(),
        SaturatedValues(),
        *SET_METRICS,
        *SCENES_METRICS,
        *GENEVAL_METRICS,
        *WRITTEN_TEXT_METRICS,
    )
    return {metric.name: metric for metric in metrics}
