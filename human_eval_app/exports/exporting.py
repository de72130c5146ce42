"""Exports: everything a study recorded, as plain files with a data dictionary.

```
OUT/ratings.csv (.jsonl, .parquet)     what is analysed: the last revision of every answer
OUT/revisions.*  pages.*  views.*  raters.*  events.*
OUT/design.json  data_dictionary.json  data_dictionary.md
OUT/export.json                        counts and the sha256 of every file
```
Links and sessions are never exported; labels, external ids and completion codes only with `private`. The same
store gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, select

from drawbench.errors import InputError
from harness.atomic import write_atomic, writing_to
from human_eval_app.database.schema import picture_view, presentation, rater, study
from human_eval_app.exports.table_files import FORMATS, table_bytes
from human_eval_app.store import data_dictionary, events
from human_eval_app.store.instants import iso, milliseconds
from human_eval_app.store.raters import raters
from human_eval_app.store.rating_store import RatingStore
from human_eval_app.store.ratings_table import ratings_rows
from human_eval_app.studies.design import StudyDesign

SCHEMA: Final = 1
MANIFEST: Final = "export.json"
DESIGN: Final = "design.json"


def export_study(
    store: RatingStore, out: Path, *, formats: Sequence[str] = FORMATS, private: bool = False
) -> list[Path]:
    """Writes an export into the folder `out` (made if needed) and returns the files.

    All tables show one state of the database. Raises InputError for an unknown format, a folder that holds
    another study's export, or one that cannot be written.
    """
    unknown = [form for form in formats if form not in FORMATS]
    if unknown or not formats:
        raise InputError(f"{', '.join(unknown) or 'nothing'} is no export format; give {', '.join(FORMATS)}")
    design = store.design
    former = _former_files(out, design)
    with store.database.reading() as connection:
        tables = study_tables(connection, design, private=private)
        status = connection.execute(select(study.c.status)).scalar_one()
    files: dict[str, bytes] = {
        f"{name}.{form}": table_bytes(rows, data_dictionary.columns_of(name, private=private), form)
        for form in dict.fromkeys(formats)
        for name, rows in tables.items()
    }
    files[DESIGN] = design.to_json().encode()
    files["data_dictionary.json"] = data_dictionary.as_json().encode()
    files["data_dictionary.md"] = data_dictionary.as_markdown().encode()
    manifest = {
        "schema": SCHEMA,
        "study": design.name,
        "design_digest": design.digest,
        "status": status,
        "private": private,
        "rows": {name: len(rows) for name, rows in tables.items()},
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())},
    }
    with writing_to(out):
        out.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            write_atomic(out / name, data)
        # Last: an export whose manifest names its files is whole.
        write_atomic(out / MANIFEST, (json.dumps(manifest, indent=1) + "\n").encode())
        for name in former - set(files):  # or an older table would be read beside the new ones
            (out / name).unlink(missing_ok=True)
    return [out / name for name in (*sorted(files), MANIFEST)]


def study_tables(
    connection: Connection, design: StudyDesign, *, private: bool
) -> dict[str, list[dict[str, Any]]]:
    """The rows of every table of an export, by the tables' names."""
    return {
        "ratings": ratings_rows(connection, design),
        "revisions": ratings_rows(connection, design, revisions=True),
        "pages": _pages(connection),
        "views": _views(connection),
        "raters": _raters(connection, design),
        "events": _events(connection, private=private),
    }


def _former_files(out: Path, design: StudyDesign) -> set[str]:
    """The files of an earlier export of this study in `out`."""
    path = out / MANIFEST
    if not path.is_file():
        return set()
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        digest, names = manifest["design_digest"], {Path(name).name for name in manifest["sha256"]}
    except (OSError, ValueError, KeyError, TypeError):
        digest, names = None, set()
    if digest != design.digest:
        raise InputError(f"{out} holds the export of another study; give another folder")
    return names


def _maybe_iso(value: int | None) -> str | None:
    return None if value is None else iso(value)


def _pages(connection: Connection) -> list[dict[str, Any]]:
    rows = connection.execute(select(presentation).order_by(presentation.c.rater_id, presentation.c.position))
    return [
        {
            "presentation": row.id,
            "rater": row.rater_id,
            "item": row.item_id,
            "position": row.position,
            "swapped": row.swapped,
            "state": row.state,
            "counts": row.holds,
            "revision": row.revision,
            "leased_at": iso(row.leased_at),
            "lease_expires_at": iso(row.lease_expires_at),
            "served_at": _maybe_iso(row.served_at),
            "opened_at": _maybe_iso(row.opened_at),
        }
        for row in rows
    ]


def _views(connection: Connection) -> list[dict[str, Any]]:
    rows = connection.execute(
        select(picture_view.c.presentation_id, picture_view.c.picture_id, picture_view.c.delivered_at)
        .join(presentation, presentation.c.id == picture_view.c.presentation_id)
        .order_by(presentation.c.rater_id, presentation.c.position)
    ).all()
    # Ids are sorted here and not by the database, whose order of text depends on its locale.
    places: dict[str, int] = {}
    for row in rows:
        places.setdefault(row.presentation_id, len(places))
    return [
        {
            "presentation": row.presentation_id,
            "picture": row.picture_id,
            "delivered_at": iso(row.delivered_at),
        }
        for row in sorted(rows, key=lambda row: (places[row.presentation_id], row.picture_id))
    ]


def _raters(connection: Connection, design: StudyDesign) -> list[dict[str, Any]]:
    stored: dict[int, Any] = {row.id: row for row in connection.execute(select(rater))}
    return [
        {
            "rater": known.id,
            "cell": known.cell,
            "status": known.status,
            "done": known.done,
            "total": known.total,
            "controls_right": known.controls_right,
            "controls_seen": known.controls_seen,
            "skipped": known.skipped,
            "flagged": known.flagged,
            "excluded_reason": known.excluded_reason,
            "breaks": (row := stored[known.id]).breaks,
            "invited_at": iso(row.invited_at),
            "entered_at": _maybe_iso(row.entered_at),
            "consented_at": _maybe_iso(row.consented_at),
            "practised_at": _maybe_iso(row.practised_at),
            "finished_at": _maybe_iso(row.finished_at),
            "label": row.label,
            "external_id": row.external_id,
            "code": row.code,
        }
        for known in raters(connection, design)
    ]


def _events(connection: Connection, *, private: bool) -> list[dict[str, Any]]:
    return [
        {
            "event": number,
            "at": iso(milliseconds(event.at)),
            "kind": event.kind,
            "by": event.by,
            "target": event.target,
            "target_id": event.target_id,
            "detail": json.dumps(
                {key: value for key, value in event.detail.items() if private or key != "label"},
                ensure_ascii=False,
                sort_keys=True,
            ),
        }
        for number, event in enumerate(events.read(connection), start=1)
    ]
