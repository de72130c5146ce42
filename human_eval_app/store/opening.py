"""A study's own rating store, opened for work from the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.engine import URL

from drawbench.errors import InputError
from human_eval_app.database.connections import database_url
from human_eval_app.database.schema import rater, study, token
from human_eval_app.store.rating_store import RatingStore, open_store
from human_eval_app.studies.study import DATABASE_URL_FILE, Study
from human_eval_app.studies.writing import replace_private


@contextmanager
def opened(folder: Path | str) -> Iterator[tuple[Study, RatingStore]]:
    """The study and its store, made and told the design where that is new; closed at the end.

    Raises InputError where either cannot be opened or the store holds another design.
    """
    found = Study.open(folder)
    with _connected(found.database_url, create=True) as store:
        store.register(found.design)
        yield found, store


@contextmanager
def _connected(url: str, *, create: bool) -> Iterator[RatingStore]:
    """The store at a URL, its connections closed at the end."""
    store = open_store(url, create=create)
    try:
        yield store
    finally:
        store.close_connections()


def keep_ratings_in(folder: Path | str, database: str) -> None:
    """Makes `database` the study's own, for every command; nothing where it is that already.

    Raises InputError where it cannot be used or holds another design, and where there are links or raters in
    the study's database as it was: they would be left behind.
    """
    found = Study.open(folder)
    wanted, kept = _absolute(database), _absolute(found.database_url)
    if wanted == kept:
        return
    if _has_raters(kept):
        raise InputError(
            f"the raters and links of {folder} are in {kept.render_as_string()}; leave --database out, or "
            "move them ('study export', 'study import') and write the new URL into "
            f"{found.folder / DATABASE_URL_FILE}"
        )
    url = wanted.render_as_string(hide_password=False)
    with _connected(url, create=True) as store:
        store.register(found.design)
    replace_private(found.folder / DATABASE_URL_FILE, url.encode())


def _absolute(url_or_path: str) -> URL:
    """The URL, a SQLite file by its whole path: commands are given in other folders too."""
    url = database_url(url_or_path)
    if url.get_backend_name() != "sqlite":
        return url
    return url.set(database=str(Path(str(url.database)).absolute()))


def _has_raters(url: URL) -> bool:
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).is_file():
        return False
    with (
        _connected(url.render_as_string(hide_password=False), create=False) as store,
        store.database.reading() as connection,
    ):
        return any(connection.execute(select(table).limit(1)).first() for table in (token, rater))


def check_empty(url: str) -> None:
    """Raises InputError where the database cannot be reached or holds a study already; makes its tables."""
    with _connected(url, create=True) as store, store.database.reading() as connection:
        digest = connection.execute(select(study.c.digest)).scalar()
    if digest is not None:
        raise InputError(
            f"the database holds a study already (design {digest[:12]}); "
            "give each study a database of its own"
        )
