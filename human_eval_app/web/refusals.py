"""Turns what goes wrong while a request is answered into the response it deserves, in one place."""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from drawbench.errors import InputError
from human_eval_app.database.connections import StoreUnavailable
from human_eval_app.store.records import Refused
from human_eval_app.web.small_json import BadRequestError, refusal

_LOG = logging.getLogger(__name__)
_STATUS: Final = {
    "not_yours": 403,
    "not_shown": 409,
    "too_fast": 409,
    "expired": 409,
    "bad_answer": 422,
    "closed": 409,
    "stale_revision": 409,
    "nothing_to_undo": 409,
}
Route = Callable[[Request], Awaitable[Response]]


def refusing(handler: Route) -> Route:
    """The handler, with refusals as JSON. What names files or databases is logged, not told outside."""

    @functools.wraps(handler)
    async def route(request: Request) -> Response:
        try:
            return await handler(request)
        except BadRequestError as error:
            return refusal(400, "bad_request", f"This request cannot be read: {error}.")
        except Refused as refused:
            return refusal(_STATUS.get(refused.reason, 409), refused.reason, refused.message)
        except StoreUnavailable as error:
            _LOG.error("%s", error)
            return refusal(503, "unavailable", "Answers cannot be saved at the moment.", retry_after=2)
        except InputError as error:
            _LOG.error("%s", error)
            return refusal(409, "refused", "This cannot be done now.")

    return route
