"""The JSON routes that a rater's page talks to. See `item_json` for what they tell.

All of them know the rater by the session cookie alone and take nothing on trust: the store checks that a
presentation is this rater's own, open, delivered, shown for long enough, and answered once. Waiting for the
database happens in threads, so one slow write holds up nobody else's pictures.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from human_eval_app.web.item_json import feedback_json, item_json, picture_addresses
from human_eval_app.web.refusals import refusing
from human_eval_app.web.serving import RatingService, in_thread
from human_eval_app.web.small_json import BadRequestError, answer, read_object, refusal, text_of, whole_of

Handler = Callable[[Request, int, dict[str, Any]], Awaitable[Response]]


def api_routes(service: RatingService) -> list[Route]:
    """The routes under /api/."""
    api = RaterApi(service)
    reading = {"/api/state": api.state, "/api/item": api.item}
    changing = {
        "/api/consent": api.consent,
        "/api/practised": api.practised,
        "/api/break": api.end_break,
        "/api/rate": api.rate,
        "/api/undo": api.undo,
        "/api/skip": api.skip,
        "/api/flag": api.flag,
        "/api/continue": api.go_on_elsewhere,
    }
    return [
        *(Route(path, api.guarded(handler), methods=["GET"]) for path, handler in reading.items()),
        *(Route(path, api.guarded(handler), methods=["POST"]) for path, handler in changing.items()),
    ]


class RaterApi:
    """The handlers, each for one rater who has been recognised."""

    def __init__(self, service: RatingService) -> None:
        self.service = service
        self.store = service.store
        self.design = service.study.design

    def guarded(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """A route that finds the rater and reads the body before it asks the handler."""

        @functools.wraps(handler)
        async def route(request: Request) -> Response:
            body = await read_object(request) if request.method == "POST" else {}
            rater = await in_thread(self.service.rater_id, request)
            if rater is None:
                return refusal(401, "signed_out", "Open your link again to go on.")
            return await handler(request, rater, body)

        return refusing(route)

    async def state(self, _request: Request, rater: int, _body: dict[str, Any]) -> Response:
        """Where the rater is."""

        def work() -> dict[str, Any]:
            known = self.store.rater(rater)
            return {
                "phase": self.store.stage(rater),
                "done": known.done,
                "total": known.total,
                "kind": self.design.kind,
                "title": self.design.title,
                "completion_code": known.completion_code,
            }

        return answer(await in_thread(work))

    async def item(self, _request: Request, rater: int, _body: dict[str, Any]) -> Response:
        """The open item, or the next one."""
        return answer(await in_thread(self.next_item, rater))

    async def consent(self, _request: Request, rater: int, body: dict[str, Any]) -> Response:
        """Records that the rater agrees to take part."""
        if body.get("agree") is not True:
            raise BadRequestError("agree must be true")
        await in_thread(self.store.consent, rater)
        return answer({"ok": True})

    async def practised(self, _request: Request, rater: int, _body: dict[str, Any]) -> Response:
        """Leaves the practice behind."""
        await in_thread(self.store.finish_practice, rater)
        return answer({"ok": True})

    async def end_break(self, _request: Request, rater: int, _body: dict[str, Any]) -> Response:
        """Ends a break."""
        await in_thread(self.store.finish_break, rater)
        return answer({"ok": True})

    async def rate(self, _request: Request, rater: int, body: dict[str, Any]) -> Response:
        """Takes the answers to all questions of a presentation, and gives the next item."""
        answers = body.get("answers")
        if not isinstance(answers, dict) or not all(isinstance(key, str) for key in answers.values()):
            raise BadRequestError("answers must map questions to choices")
        return answer(
            await in_thread(
                self._rate,
                rater,
                text_of(body, "presentation"),
                {str(name): str(key) for name, key in answers.items()},
                whole_of(body, "revision"),
                whole_of(body, "shown_ms"),
                whole_of(body, "client_ms"),
            )
        )

    async def undo(self, _request: Request, rater: int, body: dict[str, Any]) -> Response:
        """Opens the presentation answered last again; told twice about one open page, it goes back once."""
        open_id = text_of(body, "presentation") or None

        def work() -> dict[str, Any]:
            self.store.undo(rater, open_id=open_id)
            return self.next_item(rater)

        return answer(await in_thread(work))

    async def skip(self, _request: Request, rater: int, body: dict[str, Any]) -> Response:
        """Leaves a presentation unanswered, and gives the next item."""
        presentation, reason = text_of(body, "presentation"), text_of(body, "reason")

        def work() -> dict[str, Any]:
            self.store.skip(rater, presentation, reason=reason)
            return self.next_item(rater)

        return answer(await in_thread(work))

    async def flag(self, _request: Request, rater: int, body: dict[str, Any]) -> Response:
        """Records a complaint about a picture or a page."""
        picture = text_of(body, "picture") or None
        presentation, reason = text_of(body, "presentation"), text_of(body, "reason")
        await in_thread(self.store.flag, rater, presentation, picture, reason)
        return answer({"ok": True})

    async def go_on_elsewhere(self, request: Request, rater: int, _body: dict[str, Any]) -> Response:
        """A one-use link for another device."""
        token = await in_thread(self.store.continue_token, rater)
        return answer({"url": f"{self.service.base_of(request)}/enter/{token}"})

    def next_item(self, rater_id: int) -> dict[str, Any]:
        """The JSON of what the rater does now, with the addresses to preload. Waits for the database."""
        served, following = self.store.serve_two(rater_id)
        if isinstance(served, str):
            return {"phase": served}
        now, secret = self.service.seconds(), self.service.study.secret
        preload = picture_addresses(self.design, following, secret, now) if following else []
        return item_json(self.design, served, secret, now, preload)

    def _rate(
        self,
        rater_id: int,
        presentation_id: str,
        answers: dict[str, str],
        revision: int,
        shown: int,
        client: int,
    ) -> dict[str, Any]:
        submitted = self.store.submit(
            rater_id, presentation_id, answers, revision=revision, shown_ms=shown, client_ms=client
        )
        return {
            "accepted": submitted.accepted,
            "duplicate": submitted.duplicate,
            "feedback": feedback_json(self.design, answers, submitted.feedback)
            if submitted.feedback
            else None,
            "next": self.next_item(rater_id),
        }
