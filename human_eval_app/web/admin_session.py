"""Who is an administrator: whoever showed the study's admin token, until they log out or their cookie lapses.

The cookie names a session and is signed with the study's secret and the admin token's hash, so a new token
ends all sessions; logging out ends the one, wherever its cookie was copied to. A rater's session opens
nothing here.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from starlette.requests import HTTPConnection

from human_eval_app.studies.tokens import new_id
from human_eval_app.web.serving import RatingService

ADMIN_SECONDS: Final = 12 * 3600


def admin_cookie_value(service: RatingService) -> str:
    """A cookie value that makes its bearer an administrator until it lapses."""
    lapses, session = int(service.seconds()) + ADMIN_SECONDS, new_id()
    return f"{lapses}.{session}.{_signature(service, lapses, session)}"


def is_admin_cookie(service: RatingService, value: str) -> bool:
    """Whether a cookie value is one of ours, has not lapsed, and its session was not ended. Takes any text.

    Reads the database. Raises StoreUnavailable where that cannot be read.
    """
    session = _session_of(service, value)
    return session is not None and not service.store.admin_session_ended(session)


def end_admin_session(service: RatingService, value: str) -> None:
    """Ends the session of a cookie value for good, where it is one of ours. Writes to the database."""
    session = _session_of(service, value)
    if session is not None:
        service.store.end_admin_session(session)


def is_admin(service: RatingService, connection: HTTPConnection) -> bool:
    """Whether a request comes from an administrator. Reads the database."""
    return is_admin_cookie(service, connection.cookies.get(service.admin_cookie, ""))


def _session_of(service: RatingService, value: str) -> str | None:
    if not value.isascii() or value.count(".") != 2:
        return None
    lapses, session, signature = value.split(".")
    if not (lapses.isdigit() and len(lapses) <= 12):
        return None
    if not hmac.compare_digest(_signature(service, int(lapses), session), signature):
        return None
    return session if service.seconds() < int(lapses) else None


def _signature(service: RatingService, lapses: int, session: str) -> str:
    message = f"admin session\n{service.study.admin_hash}\n{lapses}\n{session}".encode()
    return hmac.new(service.study.secret, message, hashlib.sha256).hexdigest()
