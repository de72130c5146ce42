"""Who is an administrator: whoever showed the study's admin token, until their cookie lapses.

The cookie is signed with the study's secret and tied to the admin token's hash, so a new token ends all
sessions. A rater's session opens nothing here.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from starlette.requests import HTTPConnection

from human_eval_app.web.serving import RatingService

ADMIN_SECONDS: Final = 12 * 3600


def admin_cookie_value(service: RatingService) -> str:
    """A cookie value that makes its bearer an administrator until it lapses."""
    lapses = int(service.seconds()) + ADMIN_SECONDS
    return f"{lapses}.{_signature(service, lapses)}"


def is_admin_cookie(service: RatingService, value: str) -> bool:
    """Whether a cookie value is one of ours and has not lapsed. Takes any text."""
    lapses, _, signature = value.partition(".")
    if not (lapses.isascii() and lapses.isdigit() and len(lapses) <= 12 and signature.isascii()):
        return False
    return hmac.compare_digest(_signature(service, int(lapses)), signature) and service.seconds() < int(
        lapses
    )


def is_admin(service: RatingService, connection: HTTPConnection) -> bool:
    """Whether a request comes from an administrator."""
    return is_admin_cookie(service, connection.cookies.get(service.admin_cookie, ""))


def _signature(service: RatingService, lapses: int) -> str:
    message = f"admin session\n{service.study.admin_hash}\n{lapses}".encode()
    return hmac.new(service.study.secret, message, hashlib.sha256).hexdigest()
