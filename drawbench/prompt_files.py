"""Reading prompt files: CSV, TSV, JSONL and TXT become rows, or one clear error with its line number.

The formats:

- CSV: comma-separated with a header, quoted as in RFC 4180, parsed strictly.
- TSV: tab-separated with a header and no quoting; a quote character is part of the text.
- JSONL: one JSON object a line.
- TXT: one prompt a line.

The prompt is in a column (or key) named prompt, prompts, text or caption, in that order of preference
and in any case; category (or categories) and id are optional; all other columns are kept in `meta`.
Text is kept as it is, spaces included; only the category is stripped. Files are UTF-8, with or without
a byte order mark. Blank lines are skipped in every format.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

from drawbench.errors import InputError
from drawbench.types import Prompt

PROMPT_COLUMNS = ("prompt", "prompts", "text", "caption")
CATEGORY_COLUMNS = ("category", "categories")
ID_COLUMNS = ("id",)
SUFFIXES = (".csv", ".tsv", ".jsonl", ".txt")

_SAFE_ID = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9_-])?")
# Cc: NUL and other controls, line breaks; Cs: halves of surrogate pairs; Zl, Zp: Unicode line breaks.
_REFUSED = frozenset({"Cc", "Cs", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Row:
    """One prompt as read. `line` counts from 1 and is where the record starts in its file."""

    line: int
    text: str
    category: str = ""
    id: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


def read_rows(path: Path) -> list[Row]:
    """All prompts of a file, its format told by the suffix (.csv, .tsv, .jsonl, .txt).

    Raises:
        InputError: the file is missing, a folder, empty, not UTF-8 (names the byte offset), malformed
            (names the line), of an unknown suffix, without a prompt column, or has an empty prompt.
    """
    parse = _PARSERS.get(path.suffix.lower())
    if parse is None:
        raise InputError(
            f"{quoted(path)}: cannot tell the format from the suffix {quoted(path.suffix)}; "
            f"rename it to one of {', '.join(SUFFIXES)}"
        )
    rows = parse(read_text(path), quoted(path))
    if not rows:
        raise InputError(f"{quoted(path)}: holds no prompts; give it at least one")
    return rows


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, without a byte order mark.

    Raises:
        InputError: the file is missing, a folder, unreadable, empty or not UTF-8.
    """
    try:
        if path.is_dir():
            raise InputError(f"{quoted(path)}: is a folder; give a file")
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{quoted(path)}: no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{quoted(path)}: cannot be read: {reason}") from None
    if not data.strip():
        raise InputError(f"{quoted(path)}: the file is empty")
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{quoted(path)}: not UTF-8 at byte {error.start} (0x{data[error.start]:02x}); "
            "save the file as UTF-8"
        ) from None


def parse_csv(text: str, where: str) -> list[Row]:
    """Rows of a comma-separated text with a header. `where` names the source in errors."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    return _table_rows(_csv_records(reader, where), where)


def parse_tsv(text: str, where: str) -> list[Row]:
    """Rows of a tab-separated text with a header and without quoting."""
    lines = enumerate(io.StringIO(text, newline=None), start=1)
    return _table_rows(((n, line.rstrip("\n").split("\t")) for n, line in lines if line.strip()), where)


def parse_jsonl(text: str, where: str) -> list[Row]:
    """Rows of a text with one JSON object a line."""
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = _JSON.decode(line)
            if "\\u" in line:
                json.dumps(record, ensure_ascii=False).encode()  # raises on half of a surrogate pair
        except (ValueError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            raise InputError(f"{where}, line {number}: not a line of JSON: {_one_line(reason)}") from None
        if not isinstance(record, dict):
            raise InputError(f'{where}, line {number}: not a JSON object such as {{"prompt": "..."}}')
        rows.append(row_of_record(record, number, where))
    return rows


def parse_txt(text: str, where: str) -> list[Row]:
    """Rows of a text with one prompt a line."""
    lines = enumerate(io.StringIO(text, newline=None), start=1)
    return [_row(number, line.rstrip("\n"), "", None, {}, where) for number, line in lines if line.strip()]


_PARSERS: Mapping[str, Callable[[str, str], list[Row]]] = {
    ".csv": parse_csv,
    ".tsv": parse_tsv,
    ".jsonl": parse_jsonl,
    ".txt": parse_txt,
}


def row_of_record(record: Mapping[str, Any], line: int, where: str) -> Row:
    """A row of one mapping from column to value, such as a JSON object or a row of a data set.

    Raises:
        InputError: there is no prompt column, or a value is not what its column needs.
    """
    prompt, category, id_ = _columns(list(record), where, line)
    values = {name: record[column] for name, column in (("category", category), ("id", id_)) if column}
    for name, value in values.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, str | int)):
            _fail(where, line, f"the {name} is not a text but {quoted(value)}")
    text = record[prompt]
    if not isinstance(text, str):
        _fail(where, line, f"the prompt is not a text but {quoted(text)}")
    meta = {key: value for key, value in record.items() if key not in (prompt, category, id_)}
    named = {name: None if value is None else str(value) for name, value in values.items()}
    return _row(line, text, named.get("category") or "", named.get("id"), meta, where)


def unique_prompts(rows: Sequence[Row], where: str, unit: str = "line") -> None:
    """Checks that no two rows ask the same, spaces aside.

    Raises:
        InputError: naming the lines of both.
    """
    seen: dict[str, Row] = {}
    for row in rows:
        first = seen.setdefault(" ".join(row.text.split()), row)
        if first is not row:
            _fail(
                where,
                row.line,
                f"the same prompt as in {unit} {first.line} ({quoted(row.text)}); delete one "
                "(for more pictures of a prompt raise the samples per prompt)",
                unit,
            )


def prompts_of_rows(rows: Sequence[Row], stem: str, where: str, unit: str = "line") -> tuple[Prompt, ...]:
    """Prompts of rows, with ids "<stem>-0000" by position for rows that have none of their own.

    Raises:
        InputError: an id is used twice (case aside) or is not safe as a file name.
    """
    width = max(4, len(str(len(rows) - 1)))
    prompts = []
    seen: dict[str, Row] = {}
    for position, row in enumerate(rows):
        id_ = row.id if row.id is not None else f"{safe_name(stem)}-{position:0{width}d}"
        if not is_safe_id(id_):
            _fail(
                where,
                row.line,
                f"the id {quoted(id_)} cannot be a file name; use up to 128 of the letters A-Z and a-z, "
                "digits, '.', '_' and '-'",
                unit,
            )
        first = seen.setdefault(id_.casefold(), row)
        if first is not row:
            _fail(where, row.line, f"the id {quoted(id_)} is also that of {unit} {first.line}", unit)
        prompts.append(Prompt(id=id_, text=row.text, category=row.category, meta=row.meta))
    return tuple(prompts)


def is_safe_id(text: str) -> bool:
    """Whether an id is safe as a file name: letters, digits, '.', '_', '-'; at most 128 characters."""
    return _SAFE_ID.fullmatch(text) is not None


def safe_name(text: str) -> str:
    """A name that is safe as a part of a file name, made of any text; "prompts" if nothing is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_]+", "-", plain).strip("-")[:64].strip("-") or "prompts"


def is_control(character: str) -> bool:
    """Whether a character is a control character, a line break or half of a surrogate pair."""
    return unicodedata.category(character) in _REFUSED


def quoted(value: object, limit: int = 60) -> str:
    """A value as one line for a message: paths as they are, the rest quoted and cut at `limit`."""
    if isinstance(value, Path):
        return _one_line(str(value))
    text = _one_line(value if isinstance(value, str) else repr(value))
    return f"'{text}'" if len(text) <= limit else f"'{text[:limit]}...'"


def _one_line(text: str) -> str:
    escape = str.maketrans({c: repr(c)[1:-1] for c in set(text) if is_control(c)})
    return text.translate(escape)


def _fail(where: str, line: int, problem: str, unit: str = "line") -> NoReturn:
    raise InputError(f"{where}, {unit} {line}: {problem}")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError(f"{digits} is out of range")
    return value


_JSON = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)


def _csv_records(reader: Any, where: str) -> Iterator[tuple[int, list[str]]]:
    """Records with the line each starts at; csv.reader tells only where each ends."""
    start = 1
    while True:
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise InputError(f"{where}, line {reader.line_num}: malformed CSV: {error}") from None
        if any(value.strip() for value in record) or len(record) > 1:
            yield start, record
        start = reader.line_num + 1


def _table_rows(records: Iterator[tuple[int, list[str]]], where: str) -> list[Row]:
    header_line, header = next(records, (1, []))
    names = [name.strip() for name in header]
    _columns(names, where, header_line)
    rows = []
    for line, values in records:
        if len(values) != len(names):
            _fail(where, line, f"{len(values)} fields where the header has {len(names)}")
        rows.append(row_of_record(dict(zip(names, values, strict=True)), line, where))
    return rows


def _columns(names: Sequence[str], where: str, line: int) -> tuple[str, str | None, str | None]:
    """The names of the prompt, category and id columns among `names`."""
    found = _find_columns(tuple(names))
    if isinstance(found, str):
        _fail(where, line, found)
    return found


@lru_cache(maxsize=16)
def _find_columns(names: tuple[str, ...]) -> tuple[str, str | None, str | None] | str:
    """The names of the columns, or what is wrong. Kept, as the records of a file have the same names."""
    folded: dict[str, str] = {}
    for name in names:
        if folded.setdefault(name.strip().casefold(), name) is not name:
            return f"two columns are named {quoted(name)}"

    def find(wanted: Sequence[str]) -> str | None:
        return next((folded[name] for name in wanted if name in folded), None)

    prompt = find(PROMPT_COLUMNS)
    if prompt is None:
        there = ", ".join(quoted(name) for name in names[:10]) or "none"
        return f"no column named {', '.join(PROMPT_COLUMNS[:-1])} or caption; found: {there}"
    return prompt, find(CATEGORY_COLUMNS), find(ID_COLUMNS)


def _row(line: int, text: str, category: str, id_: str | None, meta: Mapping[str, Any], where: str) -> Row:
    if not text.strip():
        _fail(where, line, "the prompt is empty")
    for name, value in (("prompt", text), ("category", category.strip())):
        bad = None if value.isprintable() else next(filter(is_control, value), None)
        if bad is not None:
            what = (
                "a line break" if bad in "\r\n\u2028\u2029\x85" else f"the control character U+{ord(bad):04X}"
            )
            _fail(where, line, f"the {name} contains {what}; remove it")
    return Row(line=line, text=text, category=category.strip(), id=(id_ or "").strip() or None, meta=meta)
