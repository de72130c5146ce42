"""How a rater comes in: the page behind an invite link, and the exchange of its token for a session cookie.

Opening the link uses nothing up, since mail programs and chats open links to preview them; only the button does.
The token leaves the address bar with the answer.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from human_eval_app.plain_pages import plain_page
from human_eval_app.records import TokenRefused
from human_eval_app.refusals import refusing
from human_eval_app.serving import RatingService, in_thread
from human_eval_app.small_json import NO_STORE, client_address, read_object, refusal, text_of

SESSION_SECONDS: Final = 60 * 24 * 3600
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
        return plain_page(
            service.study.design.title,
            f"<p>{'You have begun already. Your place is kept.' if known else _WELCOME}</p>"
            f'<p class="actions"><button id="begin" class="main" type="button">'
            f"{'Continue' if known else 'Begin'}</button></p>"
            '<p id="said" class="said" role="alert"></p>',
            script="enter.js",
        )

    async def exchange(request: Request) -> Response:
        address = client_address(request)
        wait = service.guesses.seconds_to_wait(address)
        if wait:
            return refusal(
                429, "guessing", "Too many wrong links. Wait a while and try again.", retry_after=wait
            )
        body = await read_object(request)
        external = text_of(body, "external_id", _LONGEST_ID) or None
        agent = request.headers.get("user-agent", "")[:_LONGEST_ID]
        known = await in_thread(service.rater_id, request)
        try:
            credential = await in_thread(
                service.store.exchange, request.path_params["token"], external_id=external, agent=agent
            )
        except TokenRefused as refused:
            if refused.reason == "unknown":
                service.guesses.wrong(address)
            if refused.reason == "used" and known is not None:
                return RedirectResponse("/", 303, NO_STORE)
            said = _SAID.get(refused.reason, "This link cannot be used.")
            return refusal(_STATUS.get(refused.reason, 403), refused.reason, said)
        response = RedirectResponse("/", 303, NO_STORE)
        response.set_cookie(
            service.rater_cookie,
            credential,
            max_age=SESSION_SECONDS,
            path="/",
            secure=service.site.secure,
            httponly=True,
            samesite="lax",
        )
        return response

    return [
        Route("/enter/{token}", page, methods=["GET"]),
        Route("/enter/{token}", refusing(exchange), methods=["POST"]),
    ]


_WELCOME = (
    "You are invited to look at pictures and to say what you think of them. "
    "The next page explains the study and asks for your consent."
)
