"""How a rater comes in: the page behind an invite link, and the exchange of its token for a session cookie.

Opening the link uses nothing up, since mail programs and chats open links to preview them; only the button
does. The token leaves the address bar with the answer.

A link works once, but the answer that brings the cookie may be lost on the way. So the page behind the link
gives the browser a random value, and the session's credential is derived from it and the token: when the same
browser asks again it gets the same session, and any other browser is refused.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from human_eval_app.store.records import TokenRefused
from human_eval_app.studies.tokens import TOKEN_CHARACTERS, new_token
from human_eval_app.web.plain_pages import plain_page
from human_eval_app.web.refusals import refusing
from human_eval_app.web.serving import RatingService, in_thread
from human_eval_app.web.small_json import NO_STORE, client_address, read_object, refusal, text_of

SESSION_SECONDS: Final = 60 * 24 * 3600
ENTRY_SECONDS: Final = 24 * 3600
_STATUS = {"unknown": 403, "expired": 410, "revoked": 403, "used": 410, "closed": 410, "full": 410}
_SAID = {
    "unknown": "This link is not known here. Check that you have opened all of it.",
    "expired": "This link has expired. Ask the study's team for a new one.",
    "revoked": "This link has been withdrawn. Ask the study's team if you think this is a mistake.",
    "used": "This link has been used already. Go on in the browser you began in, or make a link for another "
    "device there. If neither works, ask the study's team for a new one.",
    "closed": "This study is closed. Thank you for your interest.",
    "full": "This study has all the raters it needs. Thank you for your interest.",
}
_LONGEST_ID = 200


def entry_routes(service: RatingService) -> list[Route]:
    """GET and POST /enter/{token}."""

    async def page(request: Request) -> Response:
        known = await in_thread(service.rater_id, request)
        body = _WELCOME if known is None else _BACK
        response = plain_page(service.study.design.title, body, script="enter.js")
        if not _is_nonce(request.cookies.get(service.entry_cookie, "")):
            _set_cookie(service, response, service.entry_cookie, new_token(), ENTRY_SECONDS)
        return response

    async def exchange(request: Request) -> Response:
        address = client_address(request)
        wait = service.guesses.seconds_to_wait(address)
        if wait:
            return refusal(429, "guessing", "Too many wrong links. Wait, then try again.", retry_after=wait)
        body = await read_object(request)
        known = await in_thread(service.rater_id, request)
        if known is not None and body.get("anew") is not True:
            return RedirectResponse("/", 303, NO_STORE)
        token, nonce = request.path_params["token"], request.cookies.get(service.entry_cookie, "")
        external = text_of(body, "external_id", _LONGEST_ID)
        credential = _credential(service, nonce, token, external) if _is_nonce(nonce) else new_token()
        if await in_thread(service.store.rater_id_of, credential) is None:  # else: asked before, answer lost
            agent = request.headers.get("user-agent", "")[:_LONGEST_ID]
            try:
                await in_thread(
                    service.store.exchange,
                    token,
                    external_id=external or None,
                    agent=agent,
                    credential=credential,
                )
            except TokenRefused as refused:
                if refused.reason == "unknown":
                    service.guesses.wrong(address)
                # The same browser may have asked twice at once, and this is the one that came second.
                if await in_thread(service.store.rater_id_of, credential) is None:
                    return refusal(_STATUS[refused.reason], refused.reason, _SAID[refused.reason])
        response = RedirectResponse("/", 303, NO_STORE)
        _set_cookie(service, response, service.rater_cookie, credential, SESSION_SECONDS)
        response.delete_cookie(service.entry_cookie, path="/", httponly=True, samesite="lax")
        return response

    return [
        Route("/enter/{token}", page, methods=["GET"]),
        Route("/enter/{token}", refusing(exchange), methods=["POST"]),
    ]


def _credential(service: RatingService, nonce: str, token: str, external: str) -> str:
    message = f"session\n{nonce}\n{token}\n{external}".encode("utf-8", "surrogatepass")
    return hmac.new(service.study.secret, message, hashlib.sha256).hexdigest()


def _is_nonce(value: str) -> bool:
    return len(value) == TOKEN_CHARACTERS and value.isascii()


def _set_cookie(service: RatingService, response: Response, name: str, value: str, seconds: int) -> None:
    response.set_cookie(
        name, value, max_age=seconds, path="/", secure=service.site.secure, httponly=True, samesite="lax"
    )


_SAID_HERE = '<p id="said" class="said" role="alert"></p>'
_WELCOME = (
    "<p>You are invited to look at pictures and to say what you think of them. "
    "The next page explains the study and asks for your consent.</p>"
    '<p class="actions"><button id="begin" class="main" type="button">Begin</button></p>' + _SAID_HERE
)
_BACK = (
    "<p>Somebody has begun in this browser, and their place is kept. Is it you?</p>"
    '<p class="actions"><button id="begin" class="main" type="button">Continue</button> '
    '<button id="anew" class="other" type="button">I am someone else</button></p>' + _SAID_HERE
)
