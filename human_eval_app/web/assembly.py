"""Puts the app together: Streamlit's pages, our own routes around them, and what guards both."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from human_eval_app.web.admin_routes import admin_routes
from human_eval_app.web.api import api_routes
from human_eval_app.web.entering import entry_routes
from human_eval_app.web.pane_files import pane_files, pane_routes
from human_eval_app.web.pictures_route import picture_routes
from human_eval_app.web.security import Guard, Site, is_local, site_for
from human_eval_app.web.serving import (
    BASE_URL_VARIABLE,
    RatingService,
    open_service,
    serve,
    study_named,
)

SCRIPT: Final = Path(__file__).parent / "shell" / "script.py"


@dataclass(frozen=True)
class Parts:
    """What Streamlit's `App` is made of."""

    script: Path
    routes: list[BaseRoute]
    middleware: list[Middleware]
    lifespan: Callable[[Any], AbstractAsyncContextManager[dict[str, Any] | None]]


def own_routes(service: RatingService) -> list[BaseRoute]:
    """Every route that is not Streamlit's."""
    return [
        *entry_routes(service),
        *api_routes(service),
        *picture_routes(service),
        *admin_routes(service),
        *pane_routes(),
        Route("/favicon.png", _icon, methods=["GET"]),
        Route("/robots.txt", _robots, methods=["GET"]),
    ]


def parts(service: RatingService) -> Parts:
    """The parts for one study; makes it the one this process serves."""
    serve(service)

    @asynccontextmanager
    async def lifespan(_app: Any) -> AsyncIterator[dict[str, Any] | None]:
        announce(service)
        try:
            yield None
        finally:
            service.store.close_connections()

    return Parts(SCRIPT, own_routes(service), [Middleware(Guard, site=service.site)], lifespan)


def service_of_process(arguments: list[str]) -> RatingService:
    """The study named on the command line or by the environment, for the address Streamlit is set to.

    Raises InputError.
    """
    from streamlit import config

    address = config.get_option("server.address") or "0.0.0.0"
    base_url = os.environ.get(BASE_URL_VARIABLE, "")
    hosts = [host for host in config.get_option("server.allowedHosts") if "*" not in host]
    site = site_for(address, base_url, hosts)
    if site.any_address:  # names are checked by our own guard, which also knows about addresses
        config.set_option("server.allowedHosts", ["*"])
    return open_service(study_named(arguments), site)


def base_address(site: Site, address: str, port: int) -> str:
    """Where the app bound to `address` and `port` is opened: the public address, or one on this machine."""
    shown = f"[{address}]" if ":" in address else address
    return site.base_url or f"http://{'localhost' if site.any_address else shown}:{port}"


def announce(service: RatingService) -> None:
    """Says on stderr where the app is, and warns where raters would be served unencrypted."""
    from streamlit import config

    address = config.get_option("server.address") or "0.0.0.0"
    port = config.get_option("server.port")
    base = base_address(service.site, address, port)
    print(f"study {service.study.design.name}: {base}", file=sys.stderr)
    print(f"administration: {base}/admin", file=sys.stderr)
    if not is_local(address) and not service.site.secure:
        print(
            f"warning: bound to {address} without TLS: links, sessions and answers can be read on the way; "
            "put a TLS proxy in front of 127.0.0.1 and give its address as --base-url https://...",
            file=sys.stderr,
        )
    sys.stderr.flush()


async def _icon(_request: Request) -> Response:
    return Response(pane_files()["icon.svg"], media_type="image/svg+xml")


async def _robots(_request: Request) -> Response:
    return PlainTextResponse("User-agent: *\nDisallow: /\n")
