"""What every request passes through: host and origin checks, refused Streamlit addresses, response headers.

The rating app is one origin. A browser is let in under the names the operator gave (`Site`), state is changed
only by requests that carry that same origin, and each response carries a content security policy that lets
the page load nothing from elsewhere.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from drawbench.errors import InputError

OWN_HEADER: Final = "x-drawbench"
"""Sent by our pages with each change; no form and no foreign page can add it without being asked first."""

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_WILDCARDS = frozenset({"0.0.0.0", "::", ""})
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_CLOSED: Final = (
    "/_stcore/metrics",
    "/_stcore/agent",
    "/_stcore/upload_file",
    "/_stcore/script-health-check",
    "/auth",
    "/oauth2callback",
    "/app/static",
    "/component",
)
"""Addresses of Streamlit that the app has no use for: metrics, agents, uploads, log-in, old components."""


@dataclass(frozen=True, slots=True)
class Site:
    """Under which names the app may be reached.

    `hosts`: host names without a port, lower case. `any_address`: the server listens on every interface, so
    that a literal IP address is a right name too (a name that an attacker points at it is still refused).
    `base_url`: the public address behind a proxy, without a slash at its end, or "".
    """

    hosts: frozenset[str] = LOOPBACK
    any_address: bool = False
    base_url: str = ""

    @property
    def secure(self) -> bool:
        """Whether raters come by https, so that cookies may be restricted to it."""
        return self.base_url.startswith("https://")

    def allows_host(self, host: str | None) -> bool:
        """Whether a Host header names this app."""
        name = _host_name(host)
        if name is None:
            return False
        return name in self.hosts or (self.any_address and _is_address(name))

    def allows_origin(self, origin: str | None, host: str | None) -> bool:
        """Whether an Origin header is this app's own: that of the Host header, or of the public address.

        A missing origin is not.
        """
        if not origin or origin == "null":
            return False
        parts = urlsplit(origin)
        if parts.scheme not in {"http", "https"} or parts.path or parts.query:
            return False
        if self.base_url and origin == origin_of(self.base_url):
            return True
        return bool(host) and parts.netloc.lower() == str(host).lower()


def site_for(address: str, base_url: str = "", more_hosts: Iterable[str] = ()) -> Site:
    """The site of a server bound to `address` and reached at `base_url`.

    Raises InputError for a base URL that is no http or https address, or has a path.
    """
    hosts = set(LOOPBACK) | {name.strip().lower() for name in more_hosts if name.strip()}
    if address not in _WILDCARDS:
        hosts.add(address.lower())
    base_url = base_url.rstrip("/")
    if base_url:
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query:
            raise InputError(
                f"--base-url {base_url!r} must look like https://ratings.example.org, without a path"
            )
        hosts.add(parts.hostname.lower())
    return Site(frozenset(hosts), address in _WILDCARDS, base_url)


def is_local(address: str) -> bool:
    """Whether only this machine reaches a server bound to `address`."""
    return address.lower() in LOOPBACK


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL, as an Origin header has them."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


class Guard:
    """ASGI middleware: refuses foreign hosts and origins, closes unused addresses, adds headers to all."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self.app = app
        self.site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if scope["type"] == "websocket":
            if refusal:
                await send({"type": "websocket.close", "code": 1008, "reason": refusal})
            else:
                await self.app(scope, receive, send)
            return
        dress = self._dress(send)
        if refusal:
            await _refused(refusal)(scope, receive, dress)
        else:
            await self.app(scope, receive, dress)

    def _refusal(self, scope: Scope) -> str:
        """Why a request is refused: "host", "origin", "header", "not_found", or "" for one that may pass."""
        headers = Headers(scope=scope)
        host = headers.get("host")
        if not self.site.allows_host(host):
            return "host"
        path = scope["path"]
        if any(path == closed or path.startswith(closed + "/") for closed in _CLOSED):
            return "not_found"
        changes = scope["type"] == "websocket" or scope["method"] not in _READING
        if changes and not self.site.allows_origin(headers.get("origin"), host):
            return "origin"
        if scope["type"] == "http" and changes and headers.get(OWN_HEADER) != "1":
            return "header"
        return ""

    def _dress(self, send: Send) -> Send:
        async def sender(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in security_headers(self.site).items():
                    headers.setdefault(name, value)
                if "access-control-allow-origin" in headers:  # Streamlit's assets offer themselves to anyone
                    del headers["access-control-allow-origin"]
            await send(message)

        return sender


def security_headers(site: Site) -> dict[str, str]:
    """Headers of every response; a response's own Content-Security-Policy is left as it is."""
    headers = {
        "Content-Security-Policy": shell_policy(),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "X-Robots-Tag": "noindex, nofollow",
    }
    if site.secure:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return headers


PLAIN_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""The policy of our own pages (entry, log-in) and of JSON: nothing inline, nothing foreign."""


@cache
def shell_policy() -> str:
    """The policy of Streamlit's page.

    Its own inline script is allowed by its hash; components come as blobs that only a running script of ours
    can make; its styles are inline.
    """
    import streamlit

    page = (Path(streamlit.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    inline = re.findall(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", page, flags=re.DOTALL)
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in inline
    )
    return (
        f"default-src 'none'; script-src 'self' blob: {hashes}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
        "media-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'self'; object-src 'none'; "
        "frame-src 'none'; frame-ancestors 'none'"
    )


def _refused(why: str) -> Response:
    status = {"host": 421, "not_found": 404}.get(why, 403)
    said = {
        "host": "This address is not one of this server's names. Open the link exactly as you were given it.",
        "origin": "Refused: the request came from another page.",
        "header": "Refused: the request was not made by this app.",
        "not_found": "Not found.",
    }[why]
    return PlainTextResponse(
        said, status, {"Content-Security-Policy": PLAIN_POLICY, "Cache-Control": "no-store"}
    )


def _host_name(host: str | None) -> str | None:
    """The name in a Host header without its port, or None where it is malformed."""
    if not host or re.search(r"[\s/@?#\\]", host):
        return None
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # raises where it is no number
        return parts.hostname.rstrip(".") if parts.hostname else None
    except ValueError:
        return None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
