"""The administrators' own routes: log in, log out, and the download of an export. Their pages are Streamlit's.

Whoever has the study's admin token (printed once by `drawbench study create`) gets a cookie that is signed with
the study's secret and lapses. A rater's session opens none of this.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from human_eval_app.plain_pages import plain_page
from human_eval_app.serving import RatingService, in_thread
from human_eval_app.small_json import (
    NO_STORE,
    BadRequestError,
    answer,
    client_address,
    read_object,
    refusal,
    text_of,
)

ADMIN_SECONDS: Final = 12 * 3600


def admin_cookie_value(service: RatingService, now: float) -> str:
    """A cookie value that makes its bearer an administrator until it lapses."""
    lapses = int(now) + ADMIN_SECONDS
    return f"{lapses}.{_signature(service, lapses)}"


def is_admin_cookie(service: RatingService, value: str, now: float) -> bool:
    """Whether a cookie value is one of ours and has not lapsed. A new admin token ends all of them."""
    lapses, _, signature = value.partition(".")
    if not (lapses.isascii() and lapses.isdigit() and len(lapses) <= 12 and signature.isascii()):
        return False
    return hmac.compare_digest(_signature(service, int(lapses)), signature) and now < int(lapses)


def is_admin(service: RatingService, connection: HTTPConnection) -> bool:
    """Whether a request comes from an administrator."""
    value = connection.cookies.get(service.admin_cookie, "")
    return is_admin_cookie(service, value, service.seconds())


def _signature(service: RatingService, lapses: int) -> str:
    message = f"admin session\n{service.study.admin_hash}\n{lapses}".encode()
    return hmac.new(service.study.secret, message, hashlib.sha256).hexdigest()


def admin_routes(service: RatingService) -> list[Route]:
    """GET and POST /admin/login, POST /admin/logout, GET /admin/export/{format}."""

    async def page(_request: Request) -> Response:
        return plain_page(
            "Administration",
            "<p>Give the admin token that was printed when the study was made.</p>"
            '<form id="login"><label for="token">Admin token</label>'
            '<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>'
            '<p class="actions"><button class="main" type="submit">Log in</button></p></form>'
            '<p id="said" class="said" role="alert"></p>',
            script="enter.js",
        )

    async def log_in(request: Request) -> Response:
        address = client_address(request)
        wait = service.guesses.seconds_to_wait(address)
        if wait:
            return refusal(429, "guessing", "Too many wrong tokens. Wait a while.", retry_after=wait)
        try:
            token = text_of(await read_object(request), "token")
        except BadRequestError as error:
            return refusal(400, "bad_request", f"This request cannot be read: {error}.")
        if not service.study.is_admin(token):
            service.guesses.wrong(address)
            return refusal(403, "unknown", "This is not the study's admin token.")
        response = RedirectResponse("/admin", 303, NO_STORE)
        response.set_cookie(
            service.admin_cookie,
            admin_cookie_value(service, service.seconds()),
            max_age=ADMIN_SECONDS,
            path="/",
            secure=service.site.secure,
            httponly=True,
            samesite="strict",
        )
        return response

    async def log_out(_request: Request) -> Response:
        response = answer({"ok": True})
        response.delete_cookie(service.admin_cookie, path="/", httponly=True, samesite="strict")
        return response

    return [
        Route("/admin/login", page, methods=["GET"]),
        Route("/admin/login", log_in, methods=["POST"]),
        Route("/admin/logout", log_out, methods=["POST"]),
    ]

