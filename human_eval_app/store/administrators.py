"""What is kept of administrators: their ended sessions and new tokens, as lines of the log."""

from __future__ import annotations

from sqlalchemy import Connection, select

from human_eval_app.database.schema import event
from human_eval_app.store.events import append
from human_eval_app.studies.tokens import token_hash

TARGET = "administration"
_LOG_OUT = "log_out"
_NEW_TOKEN = "new_admin_token"


def end_session(connection: Connection, now: int, session: str, by: str) -> None:
    """Ends a session for good; `session` is its random name, of which a hash is kept."""
    if not session_ended(connection, session):
        append(connection, now, _LOG_OUT, by=by, target=TARGET, target_id=token_hash(session, TARGET))


def session_ended(connection: Connection, session: str) -> bool:
    """Whether a session was ended. One indexed look-up."""
    found = select(event.c.id).where(
        event.c.target == TARGET,
        event.c.target_id == token_hash(session, TARGET),
        event.c.kind == _LOG_OUT,
    )
    return connection.execute(found.limit(1)).first() is not None


def note_new_token(connection: Connection, now: int, by: str) -> None:
    """Logs that the study's admin token was replaced."""
    append(connection, now, _NEW_TOKEN, by=by, target=TARGET)
