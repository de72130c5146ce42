"""The administrators' own routes: log in, log out, download. Their pages are in `shell.admin_page`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from human_eval_app.web.admin_export import download
from human_eval_app.web.admin_session import ADMIN_SECONDS, admin_cookie_value, end_admin_session
from human_eval_app.web.plain_pages import plain_page
from human_eval_app.web.refusals import refusing
from human_eval_app.web.serving import RatingService, in_thread
from human_eval_app.web.small_json import NO_STORE, client_address, read_object, refusal, text_of

_LOGIN = (
    "<p>Give the admin token that was printed when the study was made.</p>"
    '<form id="login"><label for="token">Admin token</label>'
    '<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>'
    '<p class="actions"><button class="main" type="submit">Log in</button></p></form>'
    '<p id="said" class="said" role="alert"></p>'
)
_LOGOUT = (
    "<p>You will need the admin token to come back.</p>"
    '<p class="actions"><button id="logout" class="main" type="button">Log out</button></p>'
    '<p id="said" class="said" role="alert"></p>'
)


def admin_routes(service: RatingService) -> list[Route]:
    """GET and POST /admin/login and /admin/logout, GET /admin/export/{name}."""

    async def login_page(_request: Request) -> Response:
        return plain_page("Administration", _LOGIN, script="enter.js")

    async def log_in(request: Request) -> Response:
        address = client_address(request)
        wait = service.guesses.seconds_to_wait(address)
        if wait:
            return refusal(429, "guessing", "Too many wrong tokens. Wait a while.", retry_after=wait)
        if not service.study.is_admin(text_of(await read_object(request), "token")):
            service.guesses.wrong(address)
            return refusal(403, "unknown", "This is not the study's admin token.")
        response = RedirectResponse("/admin", 303, NO_STORE)
        response.set_cookie(
            service.admin_cookie,
            admin_cookie_value(service),
            max_age=ADMIN_SECONDS,
            path="/",
            secure=service.site.secure,
            httponly=True,
            samesite="strict",
        )
        return response

    async def logout_page(_request: Request) -> Response:
        return plain_page("Log out", _LOGOUT, script="enter.js")

    async def log_out(request: Request) -> Response:
        await in_thread(end_admin_session, service, request.cookies.get(service.admin_cookie, ""))
        response = RedirectResponse("/admin/login", 303, NO_STORE)
        response.delete_cookie(service.admin_cookie, path="/", httponly=True, samesite="strict")
        return response

    async def export(request: Request) -> Response:
        return await download(service, request)

    return [
        Route("/admin/login", login_page, methods=["GET"]),
        Route("/admin/login", refusing(log_in), methods=["POST"]),
        Route("/admin/logout", logout_page, methods=["GET"]),
        Route("/admin/logout", refusing(log_out), methods=["POST"]),
        Route("/admin/export/{name}", refusing(export), methods=["GET"]),
    ]
