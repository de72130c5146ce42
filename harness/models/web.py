"""One HTTP exchange with a time limit, and every way in which it can fail as one error."""

from __future__ import annotations

import email.utils
import http.client
import ipaddress
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from drawbench.errors import InputError

LARGEST_ANSWER = 256 * 2**20
_CHUNK = 1 << 16


class WebError(Exception):
    """No whole answer came. The message says why and names no address, which may hold a secret.

    `begun` tells that the answer had begun: the server did the work, and may want to be paid for it.
    """

    def __init__(self, reason: str, *, begun: bool = False) -> None:
        super().__init__(reason)
        self.begun = begun


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: status, headers with names in lower case, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def retry_after(self) -> float | None:
        """Seconds that the server asks to wait, from its Retry-After header; None where it says nothing."""
        text = self.headers.get("retry-after", "").strip()
        try:
            return max(0.0, float(text)) if text else None
        except ValueError:
            pass
        try:
            return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
        except ValueError:
            return None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirected POST would lose its body, and its key would go to another host."""

    def redirect_request(self, *arguments: Any, **more: Any) -> None:
        return None


def exchange(
    url: str,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float,
    follow: bool = False,
) -> Answer:
    """Sends a GET, or a POST where there is a body, and reads the whole answer, whatever its status.

    The answer must be whole within `timeout` seconds, but a server that falls silent in the middle is given
    as much again. Redirects are followed only under `follow`. Raises WebError where no whole answer comes.
    """
    until = time.monotonic() + timeout
    begun = False
    handlers = [] if follow else [_NoRedirects()]
    try:
        request = urllib.request.Request(url, data=body, headers=dict(headers or {}))
        try:
            response = urllib.request.build_opener(*handlers).open(request, timeout=timeout)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            begun = response.status < 300
            fields = {name.lower(): value for name, value in response.headers.items()}
            content = _read(response, fields.get("content-length"), until)
        return Answer(int(response.status), fields, content)
    except TimeoutError:
        raise WebError(f"no answer within {timeout:g} s", begun=begun) from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise WebError(f"no answer within {timeout:g} s") from None
        reason = error.reason.strerror if isinstance(error.reason, OSError) else None
        raise WebError(f"no connection ({reason or type(error.reason).__name__})") from None
    except (http.client.HTTPException, OSError, ValueError) as error:
        raise WebError(f"the connection broke ({type(error).__name__})", begun=begun) from None


def _read(response: Any, length: str | None, until: float) -> bytes:
    """The body, in pieces, so that a server that sends drop by drop meets the time limit."""
    pieces: list[bytes] = []
    size = 0
    while piece := response.read1(_CHUNK):
        pieces.append(piece)
        size += len(piece)
        if size > LARGEST_ANSWER:
            raise ValueError("the answer is too long")
        if time.monotonic() > until:
            raise TimeoutError
    if length is not None and length.isdigit() and size < int(length):
        raise http.client.IncompleteRead(b"", int(length) - size)
    return b"".join(pieces)


def checked_url(model: str, url: str) -> str:
    """`url` as an http or https address without a final slash.

    Raises InputError on anything else, and on one with a password in it, as addresses are written down.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host:
        raise InputError(f"model {model}: give an address as http://HOST/PATH or https://HOST/PATH")
    if parts.username or parts.password:
        raise InputError(
            f"model {model}: an address is written down with the run, so leave secrets out of it"
        )
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), parts.query, ""))


def check_reachable_offline(model: str, url: str, *, offline: bool) -> None:
    """Raises InputError where `offline` forbids the network that `url` needs. This machine is none."""
    host = urlsplit(url).hostname or ""
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    if offline and not local:
        raise InputError(f"model {model} needs the network, which --offline forbids")
