"""Pictures, byte for byte, at addresses that only one rater's open page has.

An address names a presentation and a picture, lapses, and is signed; besides, the request must come with the
session of the rater whose presentation it is. The bytes are compared with the registered sha256 on each
reading. That a picture was delivered is recorded: an answer about pictures that never left the server is
refused.
"""

from __future__ import annotations

import logging

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from drawbench.errors import InputError
from human_eval_app.database.connections import StoreUnavailable
from human_eval_app.store.records import Refused
from human_eval_app.studies.tokens import picture_allowed
from human_eval_app.web.security import PLAIN_POLICY
from human_eval_app.web.serving import RatingService, in_thread
from human_eval_app.web.small_json import NO_STORE

_LOG = logging.getLogger(__name__)
_SECONDS_KEPT = 12 * 3600


def picture_routes(service: RatingService) -> list[Route]:
    """GET /img/{presentation}/{picture}?e=EXPIRES&s=SIGNATURE."""

    def deliver(request: Request) -> Response:
        presentation, picture = request.path_params["presentation"], request.path_params["picture"]
        query = request.query_params
        now = service.seconds()
        if not picture_allowed(
            service.study.secret, presentation, picture, query.get("e", ""), query.get("s", ""), now
        ):
            return _none(403)
        rater = service.rater_id(request)
        if rater is None:
            return _none(403)
        try:
            content = service.study.picture_bytes(picture)
            service.store.mark_shown(rater, presentation, [picture])
        except Refused:
            return _none(403)
        except StoreUnavailable as error:
            _LOG.error("%s", error)
            return _none(503)
        except (
            InputError
        ) as error:  # unreadable, or not the registered bytes: better nothing than another picture
            _LOG.error("%s", error)
            return _none(500)
        return Response(
            content,
            media_type=service.study.design.picture_by_id[picture].media_type,
            headers={
                "Cache-Control": f"private, max-age={_SECONDS_KEPT}, immutable",
                "Content-Disposition": "inline",
                "Content-Security-Policy": PLAIN_POLICY,
                "Vary": "Cookie",
            },
        )

    async def route(request: Request) -> Response:
        return await in_thread(deliver, request)

    return [Route("/img/{presentation}/{picture}", route, methods=["GET"])]


def _none(status: int) -> Response:
    return PlainTextResponse(
        "No picture here.", status, {**NO_STORE, "Content-Security-Policy": PLAIN_POLICY}
    )
