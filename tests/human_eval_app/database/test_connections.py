"""What the store says when its database is full, read-only, gone or in the wrong place."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rating_steps import answer, enter, open_page
from small_studies import small_design
from sqlalchemy import Connection, event, text

from drawbench.errors import InputError
from human_eval_app.database.connections import StoreUnavailable, explain
from human_eval_app.database.connections import database_url as url_of
from human_eval_app.database.network_file_systems import network_file_system
from human_eval_app.store.rating_store import RatingStore, open_store
from human_eval_app.store.records import Presentation
from human_eval_app.studies.design import StudyDesign

MakeStore = Callable[[StudyDesign], RatingStore]
DESIGN = small_design("realism", prompts=40, controls=0, practice=0, quota=100)

FILL = """
import resource, signal, sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from rating_steps import answer, enter, open_page
from human_eval_app.database.connections import StoreUnavailable
from human_eval_app.store.rating_store import open_store

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = open_store(sys.argv[1])
rater = enter(store)
largest = max(path.stat().st_size for path in Path(sys.argv[1]).parent.iterdir())
resource.setrlimit(resource.RLIMIT_FSIZE, (largest + 40_000,) * 2)
try:
    while True:
        page = open_page(store, rater)
        answer(store, page)
        print(page.id, flush=True)
except StoreUnavailable as error:
    print("stopped:", error, flush=True)
"""


def test_a_full_disk_is_said_and_nothing_is_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    store = open_store(path, create=True)
    store.register(DESIGN)
    here = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(path), str(here), str(here.parents[1])],
        capture_output=True,
        text=True,
        check=True,
    )
    *acknowledged, stopped = done.stdout.splitlines()
    assert stopped.startswith("stopped: the ratings database")
    assert "disk" in stopped
    assert "nothing was recorded" in stopped
    assert len(acknowledged) > 0
    frame = store.ratings()
    assert sorted(frame["presentation"]) == sorted(acknowledged)
    page = open_page(store, 1)  # with room again, the rater goes on
    assert answer(store, page).accepted
    store.close_connections()


def test_a_full_database_does_not_advance(tmp_path: Path) -> None:
    store = open_store(tmp_path / "study.db", create=True)
    store.register(DESIGN)
    rater = enter(store)

    @event.listens_for(store.database.engine, "checkout")
    def limit(connection: Any, _record: Any, _proxy: Any) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    served: list[str] = []

    def rate_on() -> None:
        while True:
            page = open_page(store, rater)
            served.append(page.id)
            answer(store, page)

    with pytest.raises(StoreUnavailable, match="its disk is full: make room; nothing was recorded"):
        rate_on()
    frame = store.ratings()  # reading goes on
    assert len(frame) in (len(served), len(served) - 1)
    event.remove(store.database.engine, "checkout", limit)
    store.close_connections()
    store = open_store(tmp_path / "study.db")
    expected = served[-1] if served[-1] not in set(frame["presentation"]) else None
    page = open_page(store, rater)
    assert expected in (page.id, None)
    store.close_connections()


def test_a_read_only_database_is_said(make_store: MakeStore, database_url: str) -> None:
    store = make_store(DESIGN)
    rater = enter(store)
    page = open_page(store, rater)
    if store.database.is_sqlite:

        @event.listens_for(store.database.engine, "checkout")
        def forbid(connection: Any, _record: Any, _proxy: Any) -> None:
            connection.execute("PRAGMA query_only = ON")

    else:
        name = url_of(database_url).database
        with store.database.engine.begin() as connection:
            connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
        store.close_connections()  # the setting is for new connections
    with pytest.raises(StoreUnavailable, match="it is read-only: allow writing"):
        answer(store, page)
    assert len(store.ratings()) == 0
    assert store.rater(rater).done == 0


def test_a_database_that_is_away_is_said_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable) as refused:
        open_store(f"postgresql://me:topsecret@/ratings?host={tmp_path}")
    assert "cannot be used" in str(refused.value)
    assert "topsecret" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_full_disks_of_servers_are_told_by_their_code() -> None:
    class Reported(Exception):
        sqlstate = "53100"

    class Wrapped:
        orig = Reported("could not extend file")

    said = explain(Wrapped(), url_of("postgresql://host/ratings"))  # type: ignore[arg-type]
    assert said == (
        "the ratings database host/ratings cannot be used: its disk is full: make room; nothing was recorded"
    )


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mysql://host/ratings", "not supported"),
        ("://", "malformed"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("/no/such/folder/study.db", "does not exist"),
    ],
)
def test_other_databases_are_refused(url: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        open_store(url, create=True)


def test_network_file_systems_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    far = tmp_path / "with space" / "far"
    far.mkdir(parents=True)
    mounts = tmp_path / "mounts"
    point = str(far).replace(" ", "\\040")
    mounts.write_text(f"/dev/vda / ext4 rw 0 0\nserver:/x {point} nfs4 rw 0 0\n")
    assert network_file_system(far, mounts) == "nfs4"
    assert network_file_system(far.parent, mounts) == ""
    (far / "inside").mkdir()
    assert network_file_system(far / "inside", mounts) == "nfs4"
    beside = far.with_name("farther")
    beside.mkdir()
    assert network_file_system(beside, mounts) == ""
    (tmp_path / "link").symlink_to(far)
    assert network_file_system(tmp_path / "link", mounts) == "nfs4"
    assert network_file_system(far, tmp_path / "no mounts") == ""
    monkeypatch.setattr("human_eval_app.database.connections.network_file_system", lambda _: "nfs4")
    with pytest.raises(InputError, match="network file system"):
        open_store(tmp_path / "study.db", create=True)
    assert not (tmp_path / "study.db").exists()


@pytest.mark.parametrize(("flushes", "level"), [(True, {2, 1}), (False, {1})])
def test_only_what_can_be_made_again_is_not_flushed(tmp_path: Path, flushes: bool, level: set[int]) -> None:
    store = open_store(tmp_path / "a.db", create=True)
    store.database.flushes = flushes

    def synchronous(connection: Connection) -> int:
        found: int = connection.execute(text("PRAGMA synchronous")).scalar_one()
        return found

    found = {store.database.write(synchronous, durable=durable) for durable in (True, False)}
    store.close_connections()
    assert found == level  # 2: waits for the disk at each commit; 1: at checkpoints


def test_no_statement_of_a_click_reads_a_whole_table(tmp_path: Path) -> None:
    """However many ratings there are: what is looked up is looked up by an index."""
    store = open_store(tmp_path / "study.db", create=True)
    store.register(DESIGN)
    rater = enter(store)
    answer(store, open_page(store, rater))
    statements: list[tuple[str, Any]] = []

    @event.listens_for(store.database.engine, "before_cursor_execute")
    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith(("SELECT", "UPDATE", "INSERT")):
            statements.append((statement, parameters))

    page = open_page(store, rater)
    answer(store, page)
    assert isinstance(store.serve(rater), Presentation)
    answer(store, store.undo(rater))
    page = open_page(store, rater)
    store.skip(rater, page.id)
    store.serve(rater)
    event.remove(store.database.engine, "before_cursor_execute", note)
    assert len(statements) > 20
    with store.database.engine.connect() as connection:
        for statement, parameters in statements:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            for step in plan:
                whole = step[3].startswith("SCAN") and "CONSTANT ROW" not in step[3]
                assert not whole or step[3] == "SCAN study", (statement, step[3])
    store.close_connections()
