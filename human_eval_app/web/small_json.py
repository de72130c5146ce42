"""Reading and writing the small JSON bodies of the rating API."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse

from human_eval_app.web.security import PLAIN_POLICY

NO_STORE: Final[Mapping[str, str]] = {"Cache-Control": "no-store"}
LARGEST_BODY: Final = 16_384


class BadRequestError(Exception):
    """A body that is not what the route takes."""


def answer(value: object, status: int = 200, headers: Mapping[str, str] = NO_STORE) -> JSONResponse:
    """JSON that no cache keeps."""
    return JSONResponse(value, status, {**headers, "Content-Security-Policy": PLAIN_POLICY})


def refusal(status: int, reason: str, message: str, *, retry_after: float = 0) -> JSONResponse:
    """{"error": reason, "message": message}."""
    headers = dict(NO_STORE)
    if retry_after > 0:
        headers["Retry-After"] = str(math.ceil(retry_after))
    return answer({"error": reason, "message": message}, status, headers)


async def read_object(request: Request) -> dict[str, Any]:
    """The request's JSON object; an empty body is {}. Raises BadRequestError for others or too much."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise BadRequestError(f"more than {LARGEST_BODY} bytes")
    if not body:
        return {}
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequestError("no JSON") from None
    if not isinstance(value, dict):
        raise BadRequestError("no JSON object")
    return value


def text_of(body: Mapping[str, Any], name: str, longest: int = 400) -> str:
    """A text in a body, "" where it is missing or null; longer ones are cut. Raises BadRequestError."""
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRequestError(f"{name} must be text")
    return value.encode("utf-8", "replace").decode()[:longest].replace("\x00", "")


def whole_of(body: Mapping[str, Any], name: str, most: int = 2**53) -> int:
    """A whole number from 0 to `most` in a body, 0 where it is missing. Raises BadRequestError."""
    value = body.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise BadRequestError(f"{name} must be a whole number from 0 to {most}")
    return value


def client_address(request: Request) -> str:
    """Where a request comes from, as the server sees it (behind a proxy on this machine, as that says)."""
    return request.client.host if request.client else "unknown"
