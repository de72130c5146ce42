"""Where prompt lists are looked for: a file the user gives, an environment variable, the user's cache, a hub.

The order is that of `find_rows`. Every place looked at is written down with what became of it, so that
an error or a notice can list them all.
"""

from __future__ import annotations

import csv
import io
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from drawbench import hub
from drawbench.errors import InputError
from drawbench.options import BenchOptions
from drawbench.prompt_files import Row, quoted, read_rows, row_of_record

CACHE_VARIABLE = "DRAWBENCH_CACHE"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A prompt list to look for.

    `variable` is an environment variable that may hold its path, `cache_name` its file name in the
    user's cache, `hub_name` a data set that holds it ("" if none), `columns` those to keep in the cache.
    """

    name: str
    variable: str
    cache_name: str
    hub_name: str = ""
    columns: tuple[str, ...] = ("prompt", "category")


@dataclass(frozen=True, slots=True)
class Found:
    """Rows and where they came from."""

    rows: list[Row]
    source: str


@dataclass(slots=True)
class Search:
    """What a search found, if anything, and every place it looked at, in order."""

    found: Found | None = None
    looked: list[str] = field(default_factory=list)

    @property
    def places(self) -> str:
        """One line naming every place looked at and what became of it."""
        return "; ".join(self.looked)


def cache_dir() -> Path:
    """The user's cache folder of this project: $DRAWBENCH_CACHE, or drawbench-suite in $XDG_CACHE_HOME
    or ~/.cache.

    Raises:
        InputError: the user has no home folder and neither variable is set.
    """
    if own := os.environ.get(CACHE_VARIABLE):
        return Path(own).expanduser()
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():  # the XDG specification says to ignore relative paths
        try:
            base = Path.home() / ".cache"
        except RuntimeError:
            raise InputError(f"there is no home folder; set {CACHE_VARIABLE} to a folder") from None
    return base / "drawbench-suite"


def find_rows(
    wanted: Wanted, options: BenchOptions, accept: Callable[[Sequence[Row]], bool] = lambda rows: True
) -> Search:
    """Looks for a prompt list: options.prompts, the environment variable, the cache, the hub.

    A file that the user names (option or variable) is taken or is an error; it is never passed over. The
    cache and the hub are passed over when they cannot be read or `accept` refuses their rows. Rows from
    the hub are written to the cache.

    Raises:
        InputError: a file that the user names cannot be used.
    """
    search = Search()
    if options.prompts is not None:
        search.found = Found(read_rows(options.prompts), f"file {options.prompts}")
        return search
    search.looked.append("--prompts: not given")
    if value := os.environ.get(wanted.variable):
        search.found = Found(_read_variable(wanted.variable, value), f"file {value}")
        return search
    search.looked.append(f"{wanted.variable}: not set")
    if _search_cache(wanted, search, accept) or not wanted.hub_name:
        return search
    _search_hub(wanted, options, search, accept)
    return search


def write_cache(wanted: Wanted, rows: Sequence[Row]) -> Path:
    """Writes rows to the user's cache, all or nothing; returns the path.

    Raises:
        OSError: the cache cannot be written.
    """
    path = cache_dir() / wanted.cache_name
    path.parent.mkdir(parents=True, exist_ok=True)
    table = _table(wanted, rows)
    if path.suffix == ".tsv":  # no quoting: a quote character is a part of the text
        text = "".join("\t".join(record) + "\n" for record in table)
    else:
        buffer = io.StringIO(newline="")
        csv.writer(buffer, lineterminator="\n").writerows(table)
        text = buffer.getvalue()
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def _table(wanted: Wanted, rows: Sequence[Row]) -> list[list[str]]:
    table = [list(wanted.columns)]
    for row in rows:
        values = {name.casefold(): " ".join(str(value or "").split()) for name, value in row.meta.items()}
        values |= {"prompt": row.text, "category": row.category}
        table.append([values.get(name, "") for name in wanted.columns])
    return table


def _read_variable(variable: str, value: str) -> list[Row]:
    try:
        return read_rows(Path(value).expanduser())
    except InputError as error:
        raise InputError(f"{variable} is set, but {error}") from None


def _search_cache(wanted: Wanted, search: Search, accept: Callable[[Sequence[Row]], bool]) -> bool:
    try:
        path = cache_dir() / wanted.cache_name
    except InputError as error:
        search.looked.append(f"cache: {error}")
        return False
    place = f"cache {_shown(path)}"
    try:
        if not path.exists():
            search.looked.append(f"{place}: no such file")
            return False
        rows = read_rows(path)
    except (InputError, OSError) as error:
        search.looked.append(f"cache: {error}".replace(quoted(path), _shown(path)))
        return False
    if not accept(rows):
        search.looked.append(f"{place}: not {wanted.name}")
        return False
    search.found = Found(rows, place)
    return True


def _shown(path: Path) -> str:
    """A path of the cache as people write it: what a run records is not to hold the user's home folder."""
    if os.environ.get(CACHE_VARIABLE):
        return f"${CACHE_VARIABLE}/{path.name}"
    if Path(os.environ.get("XDG_CACHE_HOME", "")).is_absolute():
        return f"$XDG_CACHE_HOME/{path.parent.name}/{path.name}"
    return f"~/.cache/{path.parent.name}/{path.name}"


def _search_hub(
    wanted: Wanted, options: BenchOptions, search: Search, accept: Callable[[Sequence[Row]], bool]
) -> None:
    place = f"hub {wanted.hub_name}"
    try:
        records = hub.records(wanted.hub_name, offline=options.offline)
        rows = [row_of_record(record, line, place) for line, record in enumerate(records, start=1)]
    except (hub.NotReachable, InputError) as error:
        search.looked.append(str(error) if isinstance(error, InputError) else f"{place}: {error}")
        return
    if not accept(rows):
        search.looked.append(f"{place}: not {wanted.name}")
        return
    try:
        write_cache(wanted, rows)
    except (InputError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        search.looked.append(f"cache: cannot be written: {reason}")
    search.found = Found(rows, place)
