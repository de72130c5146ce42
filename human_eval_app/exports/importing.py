"""Reading exports back: the ratings as a data frame, or a whole study into an empty store."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from drawbench.errors import InputError
from human_eval_app.database.schema import event, item, picture_view, presentation, rater, rating
from human_eval_app.exports.exporting import DESIGN, MANIFEST, SCHEMA
from human_eval_app.exports.table_files import FORMATS, read_table
from human_eval_app.store.data_dictionary import RATINGS, columns_of
from human_eval_app.store.instants import Clock, from_iso, milliseconds, utc_now
from human_eval_app.store.leases import recount
from human_eval_app.store.rating_store import RatingStore, open_store
from human_eval_app.store.ratings_table import frame_of
from human_eval_app.store.registering import register
from human_eval_app.studies.design import StudyDesign
from human_eval_app.studies.tokens import new_code

if TYPE_CHECKING:
    import pandas as pd

Tables = dict[str, list[dict[str, Any]]]


def read_ratings(path: Path) -> pd.DataFrame:
    """The ratings of an export, from ratings.csv, .jsonl or .parquet, or from the export's folder.

    The same data frame as `RatingStore.ratings` gave. Raises InputError for a malformed file.
    """
    if path.is_dir():
        path = _first(path, "ratings")
    return frame_of(read_table(path, RATINGS))


def import_study(folder: Path, url_or_path: str | Path, *, clock: Clock = utc_now) -> RatingStore:
    """Puts an export into an empty store, and returns it.

    Everything analysed comes back as it was. Links do not: raters who are to go on need new ones
    (`RatingStore.reissue`). Raises InputError for an export that is incomplete, changed or malformed, and
    for a store that holds a study.
    """
    manifest = _manifest(folder)
    design = StudyDesign.from_json((folder / DESIGN).read_text(encoding="utf-8"))
    if design.digest != manifest["design_digest"]:
        raise InputError(f"{folder / DESIGN} is not the design of this export")
    private = bool(manifest["private"])
    tables: Tables = {
        name: read_table(_first(folder, name), columns_of(name, private=private))
        for name in ("revisions", "pages", "views", "raters", "events")
    }
    store = open_store(url_or_path, create=True, clock=clock)
    try:
        store.database.write(
            lambda connection: _insert(
                connection, design, str(manifest["status"]), tables, milliseconds(clock())
            )
        )
    except BaseException as error:
        store.close_connections()
        if isinstance(error.__cause__, IntegrityError):
            raise InputError(f"the export in {folder} contradicts itself: {error.__cause__.orig}") from error
        raise
    return store


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if manifest["schema"] != SCHEMA:
            raise InputError(
                f"{path} has schema {manifest['schema']}; this version reads {SCHEMA}: update the suite"
            )
        hashes = dict(manifest["sha256"])
        _ = manifest["design_digest"], manifest["private"], manifest["status"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder} is no whole export: {MANIFEST} is missing or malformed") from error
    for name, expected in hashes.items():
        file = folder / Path(name).name
        if not file.is_file():
            raise InputError(f"the export lacks {file}")
        if hashlib.sha256(file.read_bytes()).hexdigest() != expected:
            raise InputError(f"{file} was changed after the export: its sha256 differs")
    if DESIGN not in hashes:
        raise InputError(f"the export lacks {folder / DESIGN}")
    return manifest


def _first(folder: Path, table: str) -> Path:
    for form in reversed(FORMATS):
        if (path := folder / f"{table}.{form}").is_file():
            return path
    raise InputError(f"{folder} holds no {table} in any of the formats {', '.join(FORMATS)}")


def _insert(connection: Connection, design: StudyDesign, status: str, tables: Tables, now: int) -> None:
    if not register(connection, design, now, status=status) or connection.execute(select(rater.c.id)).first():
        raise InputError("the store holds this study already; import into an empty one")
    for row in tables["events"]:
        json.loads(row["detail"])
    _insert_rows(connection, rater, [_rater(row) for row in tables["raters"]])
    _insert_rows(
        connection,
        presentation,
        [
            {
                "id": row["presentation"],
                "rater_id": row["rater"],
                "item_id": row["item"],
                "position": row["position"],
                "swapped": row["swapped"],
                "state": row["state"],
                "holds": row["counts"],
                "revision": row["revision"],
            }
            | {name: _time(row[name]) for name in ("leased_at", "lease_expires_at", "served_at", "opened_at")}
            for row in tables["pages"]
        ],
    )
    _insert_rows(
        connection,
        picture_view,
        [
            {
                "presentation_id": row["presentation"],
                "picture_id": row["picture"],
                "delivered_at": _time(row["delivered_at"]),
            }
            for row in tables["views"]
        ],
    )
    _insert_rows(connection, rating, [_rating(row) for row in tables["revisions"]])
    _insert_rows(
        connection,
        event,
        [
            {name: row[name] for name in ("kind", "by", "target", "target_id", "detail")}
            | {"at": _time(row["at"])}
            for row in tables["events"]
        ],
    )
    last: dict[str, str] = {}
    for row in tables["events"]:
        if row["target"] == "item" and row["kind"] in ("exclude", "include"):
            last[row["target_id"]] = row["kind"]
    for item_id, kind in last.items():
        connection.execute(update(item).where(item.c.id == item_id).values(excluded=kind == "exclude"))
    recount(connection, {known.id for known in design.items if known.role == "rating"})


def _insert_rows(connection: Connection, table: Any, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), rows)


def _rater(row: dict[str, Any]) -> dict[str, Any]:
    times = ("invited_at", "entered_at", "consented_at", "practised_at", "finished_at")
    return {
        "id": row["rater"],
        "cell": row["cell"],
        "status": "active" if row["status"] == "finished" else row["status"],
        "breaks": row["breaks"],
        "label": row.get("label", ""),
        "external_id": row.get("external_id"),
        "code": row.get("code") or new_code(),
    } | {name: _time(row[name]) for name in times}


def _rating(row: dict[str, Any]) -> dict[str, Any]:
    same = (
        "question", "revision", "choice_shown", "choice", "value", "expected", "correct", "design_digest",
        "dwell_ms", "client_ms",
    )  # fmt: skip
    return (
        {"presentation_id": row["presentation"]}
        | {name: row[name] for name in same}
        | {name: _time(row[name]) for name in ("shown_at", "submitted_at")}
    )


def _time(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return from_iso(text)
    except ValueError:
        raise InputError(f"the export holds {text!r}, which is no time") from None
