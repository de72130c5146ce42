"""Names of an analysis' files: readable, safe on every system, and no two alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from human_eval_app.analysis.estimates import Row


def pair_names(rows: Iterable[Row]) -> Mapping[tuple[str, str, str], str]:
    """(question, model_a, model_b) of rows -> the end of a file name, such as "quality-imagen-glide"."""
    parts = dict.fromkeys((row.question, row.model_a, row.model_b) for row in rows)
    models = distinct(model for _, a, b in parts for model in (a, b) if model)
    return {
        (question, a, b): "-".join([_safe(question), *(models[model] for model in (a, b) if model)])
        for question, a, b in parts
    }


def distinct(names: Iterable[str]) -> Mapping[str, str]:
    """Name -> the name as part of a file name, without "-".

    Where two would be alike ("a b" and "a_b", or "A" and "a" where a file system does not tell them apart),
    a name that needs no change keeps it, and the others are numbered in their order.
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in sorted(dict.fromkeys(names), key=lambda name: name != _safe(name)):
        number, part = 1, _safe(name)
        while part.lower() in taken:
            number += 1
            part = f"{_safe(name)}_{number}"
        taken.add(part.lower())
        found[name] = part
    return found


def _safe(text: str) -> str:
    return "".join(c if c.isalnum() or c in "._" else "_" for c in text)
