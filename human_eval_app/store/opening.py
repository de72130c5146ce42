"""A study's own rating store, opened for work from the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import select

from drawbench.errors import InputError
from human_eval_app.database.schema import study
from human_eval_app.store.rating_store import RatingStore, open_store
from human_eval_app.studies.study import Study


@contextmanager
def opened(folder: Path | str) -> Iterator[tuple[Study, RatingStore]]:
    """The study and its store, made and told the design where that is new; closed at the end.

    Raises InputError where either cannot be opened or the store holds another design.
    """
    found = Study.open(folder)
    store = open_store(found.database_url, create=True)
    try:
        store.register(found.design)
        yield found, store
    finally:
        store.close_connections()


def check_empty(database_url: str) -> None:
    """Raises InputError where the database cannot be reached or holds a study already; makes its tables."""
    store = open_store(database_url, create=True)
    try:
        with store.database.reading() as connection:
            digest = connection.execute(select(study.c.digest)).scalar()
    finally:
        store.close_connections()
    if digest is not None:
        raise InputError(
            f"the database holds a study already (design {digest[:12]}); "
            "give each study a database of its own"
        )
