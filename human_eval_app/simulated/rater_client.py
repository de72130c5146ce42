"""One rater's browser, as far as the server can tell: a cookie, the JSON interface and the pictures.

Lost connections and a server that is down are waited out; what was sent is sent again unchanged, as the
rating page does, which is safe because a rating is named by its presentation and revision.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import httpx2 as httpx

TIMEOUT_SECONDS = 15.0
Json = dict[str, Any]


class RefusedError(Exception):
    """The server refused: `status` of HTTP, `reason` as the interface names it."""

    def __init__(self, status: int, reason: str, message: str = "") -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason


class UnreachableError(Exception):
    """No answer within the patience given."""


class RaterClient:
    """A rater at `base` (such as "http://127.0.0.1:8501").

    `patience` is how many seconds a lost connection is retried. `before_send` is called before each request
    and may raise `httpx.TransportError`, which loses the request; `after_send` likewise loses its answer.
    """

    def __init__(
        self,
        base: str,
        *,
        patience: float = 60.0,
        before_send: Callable[[], None] = lambda: None,
        after_send: Callable[[], None] = lambda: None,
    ) -> None:
        origin = str(httpx.URL(base)).rstrip("/")
        self._http = httpx.Client(
            base_url=origin,
            headers={"Origin": origin, "X-Drawbench": "1", "User-Agent": "drawbench simulated rater"},
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
        )
        self._patience = patience
        self._before_send = before_send
        self._after_send = after_send

    def enter(self, token: str) -> None:
        """Uses an invite token up: opens its page and presses Begin. Raises RefusedError."""
        page = self._send("GET", f"/enter/{token}")
        if page.status_code != 200:
            raise RefusedError(page.status_code, "no page", page.text[:200])
        begun = self._send("POST", f"/enter/{token}", {})
        if begun.status_code != 303:
            raise _refused(begun)

    def state(self) -> Json:
        """The phase and the counts."""
        return self._json("GET", "/api/state")

    def consent(self) -> Json:
        """Agrees to take part."""
        return self._json("POST", "/api/consent", {"agree": True})

    def item(self) -> Json:
        """The page to answer, or {"phase": ...}."""
        return self._json("GET", "/api/item")

    def picture(self, url: str) -> bytes:
        """A picture's bytes. Raises RefusedError."""
        answer = self._send("GET", url)
        if answer.status_code != 200:
            raise RefusedError(answer.status_code, "picture", url)
        return answer.content

    def rate(
        self, page: Mapping[str, Any], answers: Mapping[str, str], shown_ms: int, client_ms: int
    ) -> Json:
        """Sends answers. Raises RefusedError."""
        return self._json(
            "POST",
            "/api/rate",
            {
                "presentation": page["presentation"],
                "revision": page["revision"],
                "answers": dict(answers),
                "shown_ms": shown_ms,
                "client_ms": client_ms,
            },
        )

    def post(self, name: str, body: Mapping[str, Any] | None = None) -> Json:
        """Any other POST of the interface: "practised", "break", "undo", "skip", "flag", "continue"."""
        return self._json("POST", f"/api/{name}", body or {})

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _json(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Json:
        answer = self._send(method, path, body)
        if answer.status_code != 200:
            raise _refused(answer)
        return dict(answer.json())

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        until = time.monotonic() + self._patience
        wait = 0.05
        while True:
            try:
                self._before_send()
                answer = self._http.request(method, path, json=body)
                self._after_send()
            except httpx.TransportError as error:
                if time.monotonic() + wait > until:
                    raise UnreachableError(f"{method} {path}: {error or type(error).__name__}") from error
            else:
                if answer.status_code < 500 and answer.status_code != 429:
                    return answer
                if time.monotonic() + wait > until:
                    raise UnreachableError(f"{method} {path}: status {answer.status_code}")
            time.sleep(wait)
            wait = min(1.0, wait * 2)


def _refused(answer: httpx.Response) -> RefusedError:
    try:
        found = answer.json()
    except ValueError:
        return RefusedError(answer.status_code, "no JSON", answer.text[:200])
    return RefusedError(answer.status_code, str(found.get("error")), str(found.get("message", "")))
