"""Both databases for the tests of the rating app, and the modules that lie beside this file."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from postgres_cluster import PostgresCluster, postgres_programs
from set_clock import SetClock

from human_eval_app.studies.design import StudyDesign

REQUIRE = "DRAWBENCH_REQUIRE_POSTGRES"
BOTH = ("sqlite", "postgresql")


def start_postgres(*, durable: bool) -> PostgresCluster:
    """Starts a server, or skips the test; where `DRAWBENCH_REQUIRE_POSTGRES` is 1, fails instead."""
    programs = postgres_programs()
    if programs is None:
        why = "PostgreSQL is not installed (Debian: apt-get install postgresql)"
        if os.environ.get(REQUIRE) == "1":
            pytest.fail(f"{why}, and {REQUIRE}=1")
        pytest.skip(why)
    return PostgresCluster(programs, durable=durable)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresCluster]:
    """One PostgreSQL server for all tests; it does not wait for the disk."""
    cluster = start_postgres(durable=False)
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def durable_postgres() -> Iterator[PostgresCluster]:
    """A PostgreSQL server with its usual settings, for the tests of what survives."""
    cluster = start_postgres(durable=True)
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def migrated_template(postgres: PostgresCluster) -> str:
    """A database with the newest schema, to copy."""
    from human_eval_app.database.connections import open_database

    name = postgres.new_database()
    open_database(postgres.url(name), create=False).dispose()
    return name


@pytest.fixture
def quick_folder() -> Iterator[Path]:
    """An empty folder in memory where the system has that, so that waiting for the disk costs nothing."""
    where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="ratings-", dir=where))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the newest schema, to copy."""
    from human_eval_app.database.connections import open_database

    path = tmp_path_factory.mktemp("migrated") / "study.db"
    open_database(path, create=True).dispose()
    return path


@pytest.fixture(params=BOTH)
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh store's URL, on SQLite and on PostgreSQL. Its tables are there already."""
    if request.param == "sqlite":
        path = request.getfixturevalue("quick_folder") / "study.db"
        shutil.copyfile(request.getfixturevalue("migrated_file"), path)
        yield f"sqlite:///{path}"
        return
    cluster: PostgresCluster = request.getfixturevalue("postgres")
    name = cluster.new_database(request.getfixturevalue("migrated_template"))
    yield cluster.url(name)
    cluster.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=BOTH)
def durable_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh store's URL on a real disk, with the settings of real use."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'study.db'}"
        return
    cluster: PostgresCluster = request.getfixturevalue("durable_postgres")
    name = cluster.new_database()
    yield cluster.url(name)
    cluster.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def clock() -> SetClock:
    """A clock that stands still until it is moved."""
    return SetClock()


@pytest.fixture
def make_store(database_url: str, clock: SetClock) -> Iterator[Callable[[StudyDesign], object]]:
    """Opens a store on each database with the given design, with `clock` as its clock."""
    from human_eval_app.store.rating_store import RatingStore, open_store

    opened: list[RatingStore] = []

    def make(design: StudyDesign) -> RatingStore:
        store = open_store(database_url, create=True, clock=clock)
        opened.append(store)
        store.register(design)
        return store

    yield make
    for store in opened:
        store.close_connections()
