"""Connections to the rating database: SQLite in one file, or PostgreSQL by URL.

SQLite runs with a write-ahead log, `synchronous=FULL` (a commit that returned survives a power cut) and
BEGIN IMMEDIATE (a writer waits its turn rather than failing in the middle). PostgreSQL commits synchronously,
whatever the server's default is.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from drawbench.errors import InputError
from human_eval_app.database.network_file_systems import network_file_system
from human_eval_app.database.schema import HEAD
from human_eval_app.database.writer_queue import WriterQueue

if TYPE_CHECKING:
    from alembic.config import Config

Result = TypeVar("Result")

BUSY_SECONDS = 30.0
POOL_SIZE = 20
POOL_OVERFLOW = 40
ATTEMPTS = 8
MIGRATION_LOCK = 0x64726177  # any number of ours: the advisory lock of PostgreSQL for migrating
AGAIN = frozenset({"40001", "40P01"})  # PostgreSQL: serialization failure, deadlock: run it again

_WRITES = "human_eval_writes"
_DURABLE = "human_eval_durable"


class StoreUnavailable(InputError):
    """The database cannot be read or written now: nothing of the request was recorded, so nothing may be
    acknowledged. The message says why and what to do.
    """


class Database:
    """An engine, with transactions that either commit or leave nothing behind.

    What the database itself reports (full, read-only, unreachable, damaged) is raised as StoreUnavailable.
    """

    def __init__(self, url: URL) -> None:
        self.url = url
        self.flushes = True
        """Whether durable writes wait for the disk; False only for ratings that can be made again."""
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self.engine = _sqlite_engine(url) if self.is_sqlite else _postgres_engine(url)
        self._queue = WriterQueue(Path(str(url.database))) if self.is_sqlite else None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database and writes nothing."""
        with self._translated(), self.engine.connect() as connection:
            if not self.is_sqlite:
                connection = connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            with connection.begin():
                yield connection

    def write(self, work: Callable[[Connection], Result], *, durable: bool = True) -> Result:
        """Runs `work` in a transaction, commits, and returns its result; runs it again after a deadlock.

        An exception of `work` rolls everything back. When this returns, what was written is on the disk.
        Without `durable` it does not wait for the disk: the death of any process still loses nothing, a power
        cut may lose the last such transactions, but none that a later durable one could build on.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self._translated():
                    return self._write_once(work, durable and self.flushes)
            except _Again:
                if attempt == ATTEMPTS:
                    raise StoreUnavailable(
                        "the ratings database is too busy; nothing was recorded, so try again"
                    ) from None
                time.sleep(random.uniform(0, 0.01 * 2**attempt))
        raise AssertionError("unreachable")

    def _write_once(self, work: Callable[[Connection], Result], durable: bool) -> Result:
        if self._queue is None:
            with self.engine.begin() as connection:
                if not durable:
                    connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
                return work(connection)
        with (
            self._queue.turn(BUSY_SECONDS),
            self.engine.connect().execution_options(**{_WRITES: True, _DURABLE: durable}) as connection,
            connection.begin(),
        ):
            return work(connection)

    def migrate(self, revision: str = HEAD) -> None:
        """Brings the schema to a revision in one transaction. Raises InputError where that cannot be."""
        with self.reading() as connection:
            found = _revision(connection)
        if found != revision:
            self.write(lambda connection: _upgrade(connection, revision))

    def dispose(self) -> None:
        """Closes all connections."""
        self.engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) in AGAIN:
                raise _Again from error
            raise StoreUnavailable(explain(error, self.url)) from error
        except (PoolTimeout, TimeoutError) as error:
            raise StoreUnavailable(
                "the ratings database is too busy; nothing was recorded, so try again"
            ) from error


class _Again(Exception):
    pass


def database_url(url_or_path: str | Path) -> URL:
    """The URL of a database; a path is a SQLite file. Raises InputError for other databases or bad URLs."""
    if isinstance(url_or_path, Path) or "://" not in url_or_path:
        return URL.create("sqlite", database=str(Path(url_or_path).absolute()))
    try:
        url = make_url(url_or_path)
    except ArgumentError:
        raise InputError(
            "the database URL is malformed; give postgresql+psycopg://USER:PASSWORD@HOST/NAME or a path"
        ) from None
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "sqlite":
        if not url.database or url.database == ":memory:" or "mode=memory" in url.database:
            raise InputError("a study's database cannot be in memory: ratings would be lost; give a file")
        return url
    raise InputError(
        f"the database {url.get_backend_name()} is not supported; give postgresql+psycopg://... or a path"
    )


def open_database(url_or_path: str | Path, *, create: bool) -> Database:
    """Opens and migrates a database. Raises InputError (StoreUnavailable) where it cannot be used.

    A SQLite file that is not there is made only with `create`.
    """
    url = database_url(url_or_path)
    if url.get_backend_name() == "sqlite":
        path = Path(str(url.database))
        if not create and not path.is_file():
            raise InputError(f"there is no ratings database {path}; make the study first")
        if not path.parent.is_dir():
            raise InputError(f"the folder {path.parent} for the ratings database does not exist")
        remote = network_file_system(path.parent)
        if remote:
            raise InputError(
                f"{path} is on a network file system ({remote}), where SQLite can lose ratings; "
                "use a local folder, or PostgreSQL with --database"
            )
    database = Database(url)
    try:
        database.migrate()
    except BaseException:
        database.dispose()
        raise
    return database


def explain(error: DBAPIError, url: URL) -> str:
    """One line: what the database reported, and what to do. Never holds a password."""
    place = (
        str(url.database) if url.get_backend_name() == "sqlite" else f"{url.host or 'local'}/{url.database}"
    )
    reported = str(error.orig).strip().split("\n")[0]
    state = getattr(error.orig, "sqlstate", None) or ""
    lower = reported.lower()
    if "full" in lower or state == "53100" or "no space" in lower:
        what = "its disk is full: make room"
    elif "readonly" in lower or "read-only" in lower or state == "25006":
        what = "it is read-only: allow writing to it and its folder"
    elif "disk i/o error" in lower:
        what = "its disk does not take what is written (full, limited or damaged): make room or move it"
    elif "locked" in lower or "busy" in lower:
        what = "another program holds it: end that one"
    elif "not a database" in lower or "malformed" in lower:
        what = "it is damaged or no database: put back a backup"
    elif "unable to open" in lower:
        what = "it cannot be opened: check that it and its folder exist and may be written"
    else:
        what = f"it reports: {reported}"
    return f"the ratings database {place} cannot be used: {what}; nothing was recorded"


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(
        url,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        pool_pre_ping=True,
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # BEGIN is ours, below, not Python's
        mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        if mode != "wal":
            raise sqlite3.OperationalError(f"unable to open with a write-ahead log, only with {mode}")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get(_WRITES, False):
            wait = "FULL" if options.get(_DURABLE, True) else "NORMAL"
            connection.exec_driver_sql(f"PRAGMA synchronous={wait}")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql("BEGIN")

    return engine


def _postgres_engine(url: URL) -> Engine:
    engine = create_engine(
        url, pool_size=POOL_SIZE, max_overflow=POOL_OVERFLOW, pool_pre_ping=True, pool_recycle=1800
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET synchronous_commit = on")
            cursor.execute("SET TIME ZONE 'UTC'")
            cursor.execute("SET lock_timeout = '30s'")
        connection.commit()

    return engine


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def migration_configuration(connection: Connection | None = None) -> Config:
    """Alembic's configuration for this package's migrations."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "human_eval_app.database:migrations")
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection, revision: str) -> None:
    from alembic import command
    from alembic.util import CommandError

    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
    found = _revision(connection)  # again, now that nobody else migrates
    if found == revision:
        return
    if found is None and (tables := inspect(connection).get_table_names()):
        raise InputError(
            f"the database holds other tables ({', '.join(sorted(tables)[:3])}); "
            "give the study a database of its own"
        )
    if found is not None and found > HEAD:
        raise InputError(
            f"the ratings database has schema {found}, newer than this version knows ({HEAD}); "
            "update the suite"
        )
    try:
        command.upgrade(migration_configuration(connection), revision)
    except (CommandError, SQLAlchemyError) as error:
        if isinstance(error, DBAPIError):
            raise
        raise InputError(f"the ratings database cannot be migrated: {error}") from error
