"""What can be named on the command line: its package, and what it still needs on this machine."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from drawbench.errors import InputError

OURS = "built-in"
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that can be named. `needs` is "" where it can be used at once; `source` is its package."""

    name: str
    about: str
    source: str = OURS
    needs: str = ""


def bench_rows() -> list[Row]:
    """All benches. A built-in one's needs are said in general: the files may lie anywhere."""
    from drawbench.registry import available

    return [Row(info.name, info.summary, _package(info.source), _needs(info.needs)) for info in available()]


def model_rows() -> list[Row]:
    """All models, built-in ones first."""
    from harness.models.registry import BUILT_IN, ENTRY_POINT_GROUP, BuiltIn

    def needs(entry: BuiltIn) -> str:
        if entry.package and not importlib.util.find_spec(entry.package):
            return f"needs the package {entry.package}: pip install {entry.package}"
        text = _needs(entry.needs)
        if entry.variable:
            text += f" (${entry.variable} is {'set' if os.environ.get(entry.variable) else 'not set'})"
        return text

    rows = [Row(name, entry.about, OURS, needs(entry)) for name, entry in BUILT_IN.items()]
    return rows + _foreign(ENTRY_POINT_GROUP, {row.name for row in rows})


def metric_rows() -> list[Row]:
    """All metrics; what one needs is what its extractors lack, and a reference."""
    from harness.extractors import Setting
    from harness.metrics import GROUP, find_metric, names
    from harness.metrics.base import describe

    sources = {point.name: _source(point) for point in entry_points(group=GROUP)}

    def row(name: str) -> Row:
        metric = find_metric(name)
        about = describe(metric)
        used = (
            *about.extractors,
            *getattr(metric, "image_observers", ()),
            *getattr(metric, "pair_judges", ()),
        )
        lacks = [text for text in (_lacks(extractor, Setting()) for extractor in dict.fromkeys(used)) if text]
        lacks += ["needs reference pictures"] if metric.needs_reference else []
        text = f"{about.summary.rstrip('.')}; {about.direction} is better"
        return Row(name, text, sources.get(name, OURS), "; ".join(lacks))

    return [_careful(name, sources.get(name, OURS), row) for name in names()]


def extractor_rows() -> list[Row]:
    """All extractors, with what each lacks."""
    from harness.extractors import GROUP, Setting, names

    sources = {point.name: _source(point) for point in entry_points(group=GROUP)}

    def row(name: str) -> Row:
        return Row(name, "", sources.get(name, OURS), _lacks(name, Setting()))

    return [_careful(name, sources.get(name, OURS), row) for name in names()]


def about_model(name: str) -> str:
    """All that a model's module says: settings, contract. Raises InputError for an unknown model."""
    from harness.models.registry import BUILT_IN, ENTRY_POINT_GROUP

    if name in BUILT_IN:
        target = BUILT_IN[name].target
    else:
        points = {point.name: point.value for point in entry_points(group=ENTRY_POINT_GROUP)}
        if name not in points:
            known = ", ".join(dict.fromkeys((*BUILT_IN, *points)))
            raise InputError(f"no model is called {name!r}; there are {known}")
        target = points[name]
    module_name, _, attribute = target.partition(":")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # another package's code may fail in any way
        raise InputError(f"model {name!r}: cannot import {module_name}: {error}") from error
    texts = [module.__doc__, getattr(getattr(module, attribute, None), "__doc__", None)]
    return "\n\n".join(inspect.cleandoc(text) for text in texts if text)


def engine_rows() -> list[Row]:
    """All engines."""
    from harness.engines.registry import ENTRY_POINT_GROUP as GROUP
    from harness.engines.registry import built_in_engines

    lacking = "" if importlib.util.find_spec("ray") else "needs the package ray"
    rows = [Row(n, about, needs=lacking if n == "ray" else "") for n, about in built_in_engines().items()]
    return rows + _foreign(GROUP, {row.name for row in rows})


def published_rows() -> list[Row]:
    """Published COCO figures, then the ways in which the paper's baselines can be evaluated."""
    from harness.published import METRIC, baselines, published_figures

    rows = []
    for figure in published_figures():
        training = "trained on COCO" if figure.trained_on_coco else "zero-shot"
        about = f"{METRIC}: {figure.value:.2f}, {training}"
        rows.append(Row(figure.model, f"{about}; {figure.note}" if figure.note else about, figure.source))
    return rows + [Row(entry.model, f"--model {entry.spec}: {entry.way}") for entry in baselines()]


KINDS: Mapping[str, Callable[[], list[Row]]] = {
    "benches": bench_rows,
    "models": model_rows,
    "metrics": metric_rows,
    "extractors": extractor_rows,
    "engines": engine_rows,
    "published": published_rows,
}


def _needs(what: str) -> str:
    return "" if what in ("", "nothing") else f"needs {what}"


def _lacks(extractor: str, setting: Any) -> str:
    from harness.extractors import find_spec

    return find_spec(extractor).missing(setting) or ""


def _foreign(group: str, taken: set[str]) -> list[Row]:
    """The entry points of a group, each with the first line of what it names says about itself."""

    def row(point: EntryPoint) -> Row:
        loaded = point.load()
        lines = (getattr(loaded, "__doc__", None) or "").strip().splitlines()
        return Row(point.name, lines[0] if lines else point.value, _source(point))

    points = sorted(entry_points(group=group), key=lambda point: point.name)
    return [
        _careful(point.name, _source(point), lambda _, point=point: row(point))  # type: ignore[misc]
        for point in points
        if point.name not in taken
    ]


def _careful(name: str, source: str, make: Callable[[str], Row]) -> Row:
    """`make(name)`, or a row that says why it failed: one broken package must not hide the others."""
    try:
        return make(name)
    except InputError as error:
        reason = str(error)
    except Exception as error:  # another package's code may fail in any way
        reason = f"{type(error).__name__}: {error}"
    return Row(name, "", source, f"cannot be used: {' '.join(reason.split())[:_LONGEST]}")


def _source(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else point.module


def _package(source: str) -> str:
    """A bench's source with its version, where it is a package's name."""
    from importlib.metadata import PackageNotFoundError, version

    if source == OURS:
        return source
    try:
        return f"{source} {version(source)}"
    except PackageNotFoundError:
        return source
