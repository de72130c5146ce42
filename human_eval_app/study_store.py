"""A study's own rating store, opened for work from the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from human_eval_app.store import RatingStore, open_store
from human_eval_app.study import Study


@contextmanager
def opened(folder: Path | str) -> Iterator[tuple[Study, RatingStore]]:
    """The study and its store, made and told the design where that is new; closed at the end.

    Raises InputError where either cannot be opened or the store holds another design.
    """
    study = Study.open(folder)
    store = open_store(study.database_url, create=True)
    try:
        store.register(study.design)
        yield study, store
    finally:
        store.close_connections()
