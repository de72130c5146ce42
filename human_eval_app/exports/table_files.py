"""Tables as CSV, JSON lines and Parquet files: the same rows in each, whichever is read back."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from drawbench.errors import InputError
from human_eval_app.store.data_dictionary import Column

Row = Mapping[str, Any]
FORMATS: Final = ("csv", "jsonl", "parquet")
_WORDS = {True: "true", False: "false", None: ""}


def table_bytes(rows: Iterable[Row], columns: Sequence[Column], form: str) -> bytes:
    """The rows as a file of format `form`. The same rows give the same bytes."""
    if form == "csv":
        return _csv(rows, columns)
    if form == "jsonl":
        names = [column.name for column in columns]
        lines = (json.dumps({name: row[name] for name in names}, ensure_ascii=False) for row in rows)
        return "".join(f"{line}\n" for line in lines).encode()
    if form == "parquet":
        return _parquet(rows, columns)
    raise InputError(f"{form!r} is no export format; give one of {', '.join(FORMATS)}")


def read_table(path: Path, columns: Sequence[Column]) -> list[dict[str, Any]]:
    """The rows of a file that `table_bytes` made, checked against the columns' types.

    The format is told by the name's ending. Raises InputError for a file that is not there, is malformed,
    lacks a column or has a wrong value.
    """
    readers: dict[str, Callable[[Path, Sequence[Column]], Iterable[dict[str, Any]]]] = {
        ".csv": _read_csv,
        ".jsonl": _read_jsonl,
        ".parquet": _read_parquet,
    }
    reader = readers.get(path.suffix)
    if reader is None:
        raise InputError(f"{path}: unknown format; give a file ending in {', '.join(readers)}")
    try:
        found = list(reader(path, columns))
    except (OSError, UnicodeDecodeError, ValueError, csv.Error) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    for number, row in enumerate(found, start=1):
        for column in columns:
            if column.name not in row:
                raise InputError(f"{path} has no column {column.name!r}")
            if not _fits(row[column.name], column):
                raise InputError(
                    f"{path}, row {number}: {row[column.name]!r} is no {column.type} ({column.name})"
                )
    return found


def _fits(value: Any, column: Column) -> bool:
    if value is None:
        return column.empty
    if column.type == "boolean":
        return isinstance(value, bool)
    if column.type == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if column.type == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str)


def _csv(rows: Iterable[Row], columns: Sequence[Column]) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")  # or a lone \r in a text would not be quoted
    writer.writerow(column.name for column in columns)
    for row in rows:
        writer.writerow(
            _WORDS[value] if value is None or isinstance(value, bool) else value
            for value in (row[column.name] for column in columns)
        )
    return file.getvalue().encode()


def _read_csv(path: Path, columns: Sequence[Column]) -> Iterable[dict[str, Any]]:
    by_name = {column.name: column for column in columns}
    csv.field_size_limit(2**30)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if None in row or None in row.values():
                raise ValueError("a row has another number of fields than the header")
            yield {name: _from_text(text, by_name[name]) for name, text in row.items() if name in by_name}


def _from_text(text: str, column: Column) -> Any:
    if text == "" and column.empty:
        return None
    if column.type == "integer":
        return int(text)
    if column.type == "number":
        return float(text)
    if column.type == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    return text


def _read_jsonl(path: Path, _columns: Sequence[Column]) -> Iterable[dict[str, Any]]:
    # Not splitlines: a caption may hold other line separators, which JSON leaves as they are.
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError("a line is no JSON object")
            yield row


def _parquet(rows: Iterable[Row], columns: Sequence[Column]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {
        "text": pa.string(),
        "time": pa.string(),
        "integer": pa.int64(),
        "number": pa.float64(),
        "boolean": pa.bool_(),
    }
    listed = list(rows)
    fields = [
        pa.field(column.name, types[column.type], nullable=column.empty, metadata={"meaning": column.meaning})
        for column in columns
    ]
    table = pa.table(
        [pa.array([row[field.name] for row in listed], type=field.type) for field in fields],
        schema=pa.schema(fields),
    )
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _read_parquet(path: Path, _columns: Sequence[Column]) -> Iterable[dict[str, Any]]:
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows
