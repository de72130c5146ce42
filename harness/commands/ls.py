"""`drawbench ls`: what can be named, from which package it is, and what it still needs on this machine."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from harness.exits import FINE
from harness.flags import JsonFlag


class Kind(StrEnum):
    """What can be listed."""

    BENCHES = "benches"
    MODELS = "models"
    METRICS = "metrics"
    EXTRACTORS = "extractors"
    ENGINES = "engines"
    PUBLISHED = "published"


def ls(
    kind: Annotated[
        Kind | None, typer.Argument(help="Only one kind; all but published figures without it.")
    ] = None,
    about: Annotated[
        str | None, typer.Option(metavar="MODEL", help="All about one model: its settings, its contract.")
    ] = None,
    as_json: JsonFlag = False,
) -> int:
    """Lists benches, models, metrics, extractors and engines with what they need, or published figures."""
    from harness.listing import KINDS, OURS, about_model

    if about is not None:
        print(about_model(about))
        return FINE
    asked = [kind.value] if kind else [name for name in KINDS if name != Kind.PUBLISHED]
    lists = {name: KINDS[name]() for name in asked}
    if as_json:
        plain = {name: [asdict(row) for row in rows] for name, rows in lists.items()}
        print(json.dumps(plain, indent=2, ensure_ascii=False))
        return FINE
    for title, rows in lists.items():
        print(f"{title}:")
        width = max((len(row.name) for row in rows), default=0)
        for row in rows:
            source = "" if row.source == OURS else f"[{row.source}]"
            parts = [part for part in (row.about, source) if part]
            print(f"  {row.name:<{width}}  {'  '.join(parts)}".rstrip())
            if row.needs:
                print(f"  {'':<{width}}  - {row.needs}")
    return FINE
