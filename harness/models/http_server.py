"""`http://HOST/PATH` or `https://HOST/PATH`: a server of one's own.

The contract. Each sample is a POST to the address, with a JSON object:

    {"prompt": "a red cube", "prompt_id": "colours-003", "index": 0, "seed": 1234, "settings": {...}}

`seed` is a whole number below 2^63, another for every sample. `settings` are those given with --set,
--guidance-scale, --steps and --stages, as they are. The answer has status 200 and is either a picture file
(PNG, JPEG, WebP; Content-Type image/...) or a JSON object, one of

    {"image": "<the file in base64>", "notes": ["prompt truncated to 77 tokens"], "cost": 0.01}
    {"failure": "filtered", "reason": "the safety checker flagged it"}

where `failure` is filtered, nan or error; notes, cost and reason may be left out. Statuses 408, 409, 425, 429
and from 500 on are tried again, after the seconds of a Retry-After header where there is one. 400, 413 and
422 are that sample's error; any other status ends the run.

A GET to the same address may be answered with a JSON object {"identity": {...}}: what makes the pictures,
such as names and hashes of weights. It becomes part of every sample's key. A server without it is known by
its address alone; then give another --set version=TEXT for other weights.

Settings `width` and `height` say which size the pictures must have. Those of `harness.models.calls`, and
`key_env`, the environment variable with a key to send as "Authorization: Bearer", stay here.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from drawbench.errors import InputError
from harness.decode import PictureError, decode_rgb
from harness.models.calls import Again, Caller, CallLimits, Refused, added, take_limits
from harness.models.registry import ModelOptions
from harness.models.web import Answer, WebError, check_reachable_offline, checked_url, exchange
from harness.types import Drawn, Failure, Request, Status

ANSWERED_FAILURES: tuple[Status, ...] = ("filtered", "nan", "error")
IDENTITY_SECONDS = 20.0
_BUSY = (408, 409, 425, 429)
_OWN_FAULTS = (400, 413, 422)


class HttpModel:
    """Asks a server for each sample. Raises InputError where the address is none."""

    scheme = "http"

    def __init__(self, options: ModelOptions) -> None:
        argument = options.argument
        url = f"{self.scheme}:{argument}" if argument.startswith("//") else argument
        self._url = checked_url("http", url)
        self._offline = options.offline
        self._caller = Caller(CallLimits())
        self._key: str | None = None

    def resolve_settings(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """All settings but those of the calls themselves, as they are: the server knows what they mean."""
        limits, rest = take_limits("http", given)
        self._caller = Caller(limits)
        variable = rest.pop("key_env", None)
        self._key = None if variable is None else _key_in(variable)
        for name in ("width", "height"):
            if name in rest and (type(rest[name]) is not int or rest[name] < 1):
                raise InputError(f"http: {name} must be a whole number of at least 1, not {rest[name]!r}")
        return rest

    def identity(self) -> Mapping[str, Any]:
        """The address and what the server says about itself.

        Raises InputError where no server answers and where the network is forbidden.
        """
        check_reachable_offline("http", self._url, offline=self._offline)
        timeout = min(IDENTITY_SECONDS, self._caller.limits.timeout)
        try:
            answer = exchange(self._url, headers=self._headers(), timeout=timeout)
        except WebError as error:
            raise InputError(f"http: no server answers at {self._url}: {error}") from None
        host = urlsplit(self._url).hostname
        return {"name": f"http-{host}", "version": 1, "address": self._url, "server": _told(answer)}

    def picture_size(self, settings: Mapping[str, Any]) -> tuple[int, int] | None:
        width, height = settings.get("width"), settings.get("height")
        return (width, height) if width and height else None

    def suggested_batch_size(self, settings: Mapping[str, Any]) -> int:
        """As many as are asked for at a time."""
        return self._caller.limits.concurrency

    def generate(self, requests: Sequence[Request]) -> list[Drawn | Failure]:
        return self._caller.in_parallel(self._ask, requests)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key}"} if self._key else {}

    def _ask(self, request: Request) -> Drawn | Failure:
        tried = self._caller.try_until_done(lambda: self._attempt(request))
        if tried.value is None:
            return Failure("error", tried.reason, tried.cost)
        result, cost = tried.value, added(tried.cost, tried.value.cost)
        if isinstance(result, Failure):
            return Failure(result.status, result.reason, cost)
        return Drawn(result.picture, result.notes, cost)

    def _attempt(self, request: Request) -> Drawn | Failure:
        body = {
            "prompt": request.prompt.text,
            "prompt_id": request.prompt.id,
            "index": request.index,
            "seed": request.seed,
            "settings": dict(request.settings),
        }
        headers = {"Content-Type": "application/json", "Accept": "image/*, application/json"}
        try:
            answer = exchange(
                self._url,
                body=json.dumps(body).encode(),
                headers={**headers, **self._headers()},
                timeout=self._caller.limits.timeout,
            )
        except WebError as error:
            raise Again(str(error)) from None
        if answer.status == 200:
            return _result(answer)
        told = self._told_error(answer)
        if answer.status in _BUSY or answer.status >= 500:
            raise Again(told, wait=answer.retry_after)
        if answer.status in _OWN_FAULTS:
            return Failure("error", told)
        raise Refused(f"http: {self._url} serves no request ({told})")

    def _told_error(self, answer: Answer) -> str:
        text = answer.body[:300].decode("utf-8", "replace").replace(self._key or "\0", "[key]")
        return f"status {answer.status}: {' '.join(text.split())}".rstrip(": ")


class HttpsModel(HttpModel):
    """The same by https."""

    scheme = "https"


def _key_in(variable: object) -> str:
    key = os.environ.get(variable, "").strip() if isinstance(variable, str) else ""
    if not re.fullmatch(r"[\x21-\x7e]+", key):
        raise InputError("http: key_env must name an environment variable that holds a key")
    return key


def _told(answer: Answer) -> dict[str, Any]:
    """The identity in the answer to a GET; empty where the server has nothing to say about itself."""
    try:
        content = json.loads(answer.body)
        identity = content["identity"] if answer.status == 200 else {}
        json.dumps(identity, allow_nan=False)
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return identity if isinstance(identity, dict) else {}


def _result(answer: Answer) -> Drawn | Failure:
    """What an answer of status 200 holds. Raises Again where that is nothing of use."""
    if answer.headers.get("content-type", "").lower().startswith("image/"):
        try:
            return Drawn(decode_rgb(answer.body))
        except PictureError as error:
            raise Again(f"the answer's picture is broken: {error}") from None
    try:
        content = json.loads(answer.body)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise Again("the answer is neither a picture nor a JSON object")
    cost = _cost(content.get("cost"))
    if "failure" in content:
        status, reason = content["failure"], str(content.get("reason") or "the server gives no reason")
        if status not in ANSWERED_FAILURES:
            return Failure("error", f"the server answers with the unknown failure {status!r}: {reason}", cost)
        return Failure(status, " ".join(reason.split())[:500], cost)
    image, notes = content.get("image"), content.get("notes")
    if not isinstance(image, str):
        raise Again("the answer has neither an image nor a failure", cost=cost)
    try:
        picture = decode_rgb(base64.b64decode(image))
    except (PictureError, binascii.Error, ValueError) as error:
        raise Again(f"the answer's picture is broken: {error}", cost=cost) from None
    return Drawn(picture, tuple(map(str, notes)) if isinstance(notes, list) else (), cost)


def _cost(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None
