"""Promise 11: a store of every released schema, with data in it, opens and goes on."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from rating_steps import answer, rate
from set_clock import SetClock
from small_studies import small_design
from sqlalchemy import MetaData, insert, inspect, text

from drawbench.errors import InputError
from human_eval_app.database.connections import Database, migration_configuration, open_database
from human_eval_app.database.connections import database_url as url_of
from human_eval_app.database.schema import HEAD, METADATA
from human_eval_app.store.instants import milliseconds
from human_eval_app.store.rating_store import open_store
from human_eval_app.store.records import Presentation
from human_eval_app.studies.design import StudyDesign
from human_eval_app.studies.tokens import token_hash

DESIGN = small_design("realism", prompts=6, controls=1, practice=1)
SESSION = "session-of-the-old-release"
Rows = Mapping[str, list[dict[str, Any]]]


def released_revisions() -> list[str]:
    """All schema revisions there are, oldest first."""
    from alembic.script import ScriptDirectory

    script = ScriptDirectory.from_config(migration_configuration())
    return [revision.revision for revision in script.walk_revisions()][::-1]


def rows_of_first_release(design: StudyDesign, start: int) -> Rows:
    """What release 0001 wrote for a rater in mid-study: practice done, one answer undone and given anew,
    one page open, one leased, and an exclusion. Frozen with that release.
    """
    by_role = {role: [item for item in design.items if item.role == role] for role in ("practice", "rating")}
    shown = [by_role["practice"][0], *by_role["rating"][:4]]
    states = ["rated", "rated", "rated", "served", "leased"]
    revisions = [1, 2, 1, 0, 0]
    return {
        "study": [
            {
                "id": 1,
                "digest": design.digest,
                "design": design.to_json(),
                "status": "open",
                "registered_at": start,
            }
        ],
        "item": [
            {
                "id": item.id,
                "number": number,
                "role": item.role,
                "cell": "all",
                "prompt_id": item.prompt_id,
                "taken": int(item in shown and item.role == "rating"),
                "taken_swapped": 0,
            }
            for number, item in enumerate(design.items)
        ],
        "rater": [
            {
                "id": 1,
                "cell": "all",
                "label": "first",
                "status": "active",
                "code": "ABCD-2345",
                "breaks": 0,
                "invited_at": start,
                "entered_at": start + 1,
                "consented_at": start + 2,
                "practised_at": start + 3,
            }
        ],
        "token": [
            {
                "hash": token_hash("used-link", "invite"),
                "kind": "invite",
                "rater_id": 1,
                "places": 1,
                "used": 1,
                "created_at": start,
            }
        ],
        "session": [
            {"hash": token_hash(SESSION, "session"), "rater_id": 1, "agent": "", "created_at": start + 1}
        ],
        "presentation": [
            {
                "id": f"{number:032x}",
                "rater_id": 1,
                "item_id": item.id,
                "position": number + 1,
                "swapped": False,
                "state": state,
                "holds": item.role == "rating",
                "revision": revision,
                "leased_at": start + 5,
                "lease_expires_at": start + 600_000,
                "served_at": None if state == "leased" else start + 10 + number,
            }
            for number, (item, state, revision) in enumerate(zip(shown, states, revisions, strict=True))
        ],
        "rating": [
            {
                "presentation_id": f"{number:032x}",
                "question": "realism",
                "revision": revision,
                "choice_shown": choice,
                "choice": {"left": "a", "right": "b"}[choice],
                "value": {"left": 1.0, "right": 0.0}[choice],
                "expected": "a" if number == 0 else "",
                "correct": True if number == 0 else None,
                "design_digest": design.digest,
                "shown_at": start + 20,
                "submitted_at": start + 2000 + number,
                "dwell_ms": 1980,
                "client_ms": 2100,
            }
            for number, revision, choice in ((0, 1, "left"), (1, 1, "left"), (1, 2, "right"), (2, 1, "left"))
        ],
        "event": [
            {"at": start, "kind": kind, "by": "admin", "target": target, "target_id": name, "detail": detail}
            for kind, target, name, detail in (
                ("register", "study", "", "{}"),
                ("exclude", "rating", f"{2:032x}", '{"reason": "slip"}'),
            )
        ],
    }


RELEASED: Mapping[str, Callable[[StudyDesign, int], Rows]] = {"0001": rows_of_first_release}
"""What each release before the newest wrote: a new migration needs an entry for the schema it replaces."""


def store_of_release(url: str, revision: str, start: int) -> None:
    """Makes a store as the release with this schema left it."""
    database = emptied(url)
    database.migrate(revision)
    tables = MetaData()
    tables.reflect(database.engine)
    with database.engine.begin() as connection:
        for name, rows in RELEASED[revision](DESIGN, start).items():
            connection.execute(insert(tables.tables[name]), rows)
    database.dispose()


def emptied(url: str) -> Database:
    """The database without the tables that the fixture put there."""
    where = url_of(url)
    if where.get_backend_name() == "sqlite":
        Path(str(where.database)).unlink()
        return Database(where)
    database = Database(where)
    with database.engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    return database


def test_every_release_has_data_to_migrate() -> None:
    *before, newest = released_revisions()
    assert newest == HEAD
    assert list(RELEASED) == before


@pytest.mark.parametrize("revision", list(RELEASED))
def test_a_released_store_opens_with_its_data_and_goes_on(
    database_url: str, clock: SetClock, revision: str
) -> None:
    start = milliseconds(clock())
    store_of_release(database_url, revision, start)
    clock.forward(60)
    store = open_store(database_url, clock=clock)
    assert store.design == DESIGN
    frame = store.ratings(revisions=True)
    assert list(frame["choice"]) == ["a", "a", "b", "a"]
    assert list(frame["revision"]) == [1, 1, 2, 1]
    assert list(frame["excluded_reason"]) == ["", "", "", "rating: slip"]
    assert list(frame["dwell_ms"]) == [1980] * 4
    rater = store.rater_of(SESSION)
    assert rater is not None
    assert (rater.done, rater.total, rater.label) == (2, 7, "first")
    page, following = store.serve_two(rater.id)
    assert isinstance(page, Presentation)
    assert following is not None
    assert (page.id, following.id) == (f"{3:032x}", f"{4:032x}")
    answer(store, page)
    undone = store.undo(rater.id)
    assert undone.id == page.id
    answer(store, undone)
    assert rate(store, rater.id) == "finished"
    with pytest.raises(Exception, match="append-only"), store.database.engine.begin() as connection:
        connection.execute(text("DELETE FROM rating"))
    store.close_connections()


def test_migrations_make_the_tables_that_the_program_uses(database_url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    emptied(database_url).dispose()
    database = open_database(database_url, create=True)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
        made = inspect(connection)
        for table in METADATA.tables.values():
            named = {
                str(check.name) for check in table.constraints if type(check).__name__ == "CheckConstraint"
            }
            assert {str(check["name"]) for check in made.get_check_constraints(table.name)} == named
    database.dispose()


def test_a_migration_that_fails_leaves_the_store_as_it_was(
    database_url: str, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alembic import op

    store_of_release(database_url, "0001", milliseconds(clock()))
    real = op.create_table
    monkeypatch.setattr(op, "create_table", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("cut short")))
    with pytest.raises(RuntimeError, match="cut short"):
        open_store(database_url, clock=clock)
    monkeypatch.setattr(op, "create_table", real)
    database = Database(url_of(database_url))
    with database.engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "0001"
        columns = {column["name"] for column in inspect(connection).get_columns("presentation")}
        assert "opened_at" not in columns
    database.dispose()
    store = open_store(database_url, clock=clock)  # and the next try succeeds
    assert len(store.ratings(revisions=True)) == 4
    store.close_connections()


def test_a_newer_store_or_another_database_is_refused(database_url: str, tmp_path: Path) -> None:
    database = open_database(database_url, create=True)
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.dispose()
    with pytest.raises(InputError, match="newer than this version"):
        open_store(database_url)
    with sqlite3.connect(tmp_path / "shop.db") as other:
        other.execute("CREATE TABLE customers (id INTEGER)")
    with pytest.raises(InputError, match="holds other tables"):
        open_store(tmp_path / "shop.db")
    (tmp_path / "text.db").write_text("not a database at all, but long enough to be looked at" * 9)
    with pytest.raises(InputError, match="damaged or no database"):
        open_store(tmp_path / "text.db")
    with pytest.raises(InputError, match="there is no ratings database"):
        open_store(tmp_path / "none.db")
