"""Promise 1: an acknowledged rating survives SIGKILL, of a writer and of the database's server."""

from __future__ import annotations

import importlib.util
import json
import random
import sys
import time
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from postgres_cluster import PostgresCluster
from rating_steps import answer, enter, look, open_page
from sqlalchemy import event, text

from human_eval_app.database.connections import StoreUnavailable
from human_eval_app.store.rating_store import RatingStore, open_store
from human_eval_app.store.records import Presentation

ROOT = Path(__file__).parents[3]
WRITERS = 2
ROUNDS = 3


def benchmark() -> ModuleType:
    """benchmarks/rating_writers.py, whose writers are used here."""
    spec = importlib.util.spec_from_file_location("rating_writers", ROOT / "benchmarks/rating_writers.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


writers = benchmark()


def start(store: RatingStore, url: str) -> tuple[list[Any], set[str], list[int]]:
    """Lets writers loose; returns them once each has a rating acknowledged."""
    invites = store.invite(WRITERS)
    processes = [writers.start_writer(url, invite.token, 10_000) for invite in invites]
    acknowledged: set[str] = set()
    for process in processes:
        assert process.stdout.readline() == "ready\n", process.stderr.read()
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        acknowledged |= said(process.stdout.readline())
    time.sleep(random.uniform(0.05, 0.5))
    return processes, acknowledged, [invite.rater_id for invite in invites]


def rest_of(process: Any) -> str:
    """What else a writer said until it ended (not by `communicate`, which loses what is buffered)."""
    output: str = process.stdout.read()
    process.wait()
    return output


def said(output: str) -> set[str]:
    """What a writer's output acknowledges; the line that the kill tore is not an acknowledgement."""
    outcome = writers.Outcome()
    for line in output.splitlines():
        try:
            writers.note(outcome, line)
        except json.JSONDecodeError:
            break
    assert not outcome.errors
    return outcome.acknowledged


def test_writers_are_killed_again_and_again(durable_database_url: str) -> None:
    store = open_store(durable_database_url, create=True)
    store.register(writers.invented_design(200, 1000, 200))
    everything: set[str] = set()
    raters: list[int] = []
    for _ in range(ROUNDS):
        processes, acknowledged, numbers = start(store, durable_database_url)
        raters += numbers
        for process in processes:
            process.kill()
        for process in processes:
            acknowledged |= said(rest_of(process))
        assert len(acknowledged) >= WRITERS
        everything |= acknowledged
        assert writers.missing(store, everything) == set()
    frame = store.ratings(revisions=True)
    assert not frame.duplicated(["rater", "item", "question"]).any()
    assert len(frame) - len(everything) <= WRITERS * ROUNDS  # at most the one that was being acknowledged
    for rater in raters:  # who was cut off goes on
        link = store.reissue(rater, "admin")
        assert store.rater_id_of(store.exchange(link.token)) == rater
        page = store.serve(rater)
        assert isinstance(page, Presentation)
        assert answer(store, page).accepted
    store.close_connections()


def test_the_server_of_postgresql_is_killed(durable_postgres: PostgresCluster) -> None:
    url = durable_postgres.url(durable_postgres.new_database())
    store = open_store(url)
    store.register(writers.invented_design(200, 1000, 200))
    processes, acknowledged, _ = start(store, url)
    durable_postgres.kill()
    for process in processes:
        acknowledged |= said(rest_of(process))
        assert process.returncode != 0
        assert "nothing was recorded" in process.stderr.read()
    with pytest.raises(StoreUnavailable, match="cannot be used"):
        store.ratings()
    durable_postgres.start()
    assert writers.missing(store, acknowledged) == set()  # the same store, connected anew
    rater = enter(store)
    assert answer(store, open_page(store, rater)).accepted
    store.close_connections()


def test_commits_wait_for_the_disk(durable_database_url: str) -> None:
    store = open_store(durable_database_url, create=True)
    with store.database.engine.connect() as connection:
        if store.database.is_sqlite:
            assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
            assert connection.execute(text("PRAGMA synchronous")).scalar() == 2  # FULL
        else:
            assert connection.execute(text("SHOW synchronous_commit")).scalar() == "on"
            assert connection.execute(text("SHOW fsync")).scalar() == "on"
    store.close_connections()


def test_an_answer_waits_for_the_disk_though_giving_out_a_page_does_not(durable_database_url: str) -> None:
    store = open_store(durable_database_url, create=True)
    store.register(writers.invented_design(20, 1000, 20))
    rater = enter(store)
    waits: list[str] = []

    @event.listens_for(store.database.engine, "commit")
    def note(connection: Any) -> None:
        setting = "PRAGMA synchronous" if store.database.is_sqlite else "SHOW synchronous_commit"
        waits.append(str(connection.exec_driver_sql(setting).scalar()))

    page = open_page(store, rater)
    look(store, page)
    assert set(waits) == ({"1"} if store.database.is_sqlite else {"off"})
    waits.clear()
    answers = {"realism": "left"}
    store.submit(rater, page.id, answers, revision=1, shown_ms=1000)
    store.undo(rater)
    assert set(waits) == ({"2"} if store.database.is_sqlite else {"on"})
    event.remove(store.database.engine, "commit", note)
    store.close_connections()


def test_synchronous_commit_does_not_depend_on_the_servers_default(postgres: PostgresCluster) -> None:
    store = open_store(postgres.url(postgres.new_database()))  # this server's default is off
    with store.database.engine.connect() as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar() == "on"
    store.close_connections()


def test_writers_at_once_lose_nothing(durable_database_url: str) -> None:
    """The 40 x 50 of benchmarks/rating_writers.py, at a size for every day."""
    store = open_store(durable_database_url, create=True)
    store.register(writers.invented_design(20, 1000, 10))
    outcome = writers.run_writers(store, durable_database_url, 4, 10)
    assert outcome.errors == []
    assert len(outcome.acknowledged) == 40
    assert writers.missing(store, outcome.acknowledged) == set()
    assert Counter(store.ratings()["rater"]) == {1: 10, 2: 10, 3: 10, 4: 10}
    store.close_connections()


def test_an_answer_of_two_questions_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    from small_studies import small_design

    store = open_store(tmp_path / "study.db", create=True)
    store.register(small_design("side_by_side"))
    page = open_page(store, enter(store))
    look(store, page)
    before = len(store.ratings())
    with store.database.engine.begin() as connection:
        connection.execute(
            text(
                "CREATE TRIGGER broken BEFORE INSERT ON rating WHEN NEW.question = 'text' "
                "BEGIN SELECT RAISE(ABORT, 'the second question fails'); END"
            )
        )
    with pytest.raises(StoreUnavailable, match="the second question fails"):
        answer(store, page)
    assert len(store.ratings()) == before
    assert store.serve(page.rater_id) == page
    with store.database.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER broken"))
    assert answer(store, page).accepted
    assert len(store.ratings()) == before + 2
    store.close_connections()
