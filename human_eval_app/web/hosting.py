"""Runs the rating app in this process until it is stopped."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Callable
from typing import Final

from drawbench.errors import InputError
from human_eval_app.web import assembly
from human_eval_app.web.security import site_for
from human_eval_app.web.serving import RatingService, open_service
from human_eval_app.web.streamlit_settings import SETTINGS

_SECONDS_TO_CLOSE: Final = 3
_WEBSOCKET_PING: Final = 30


def host_study(
    folder: str,
    *,
    address: str,
    port: int,
    base_url: str = "",
    on_listening: Callable[[str], None] = lambda base: None,
) -> None:
    """Serves a study on `address`:`port` (0: any free one). Returns when the process is told to stop.

    `on_listening` is told the app's address once the port is taken.

    Raises InputError for what is no study, no database, no free port.
    """
    site = site_for(address, base_url)
    listener = _listen(address, port)
    try:
        service = open_service(folder, site)
        port = listener.getsockname()[1]
        _configure(service, address, port)
        on_listening(assembly.base_address(site, address, port))
        _run(service, listener)
    finally:
        listener.close()


def _configure(service: RatingService, address: str, port: int) -> None:
    from streamlit import config

    hosts = ["*"] if service.site.any_address else sorted(service.site.hosts)  # our own guard checks them all
    changed = {"server.address": address, "server.port": port, "server.allowedHosts": hosts}
    if service.site.base_url:  # or Streamlit would refuse the origin of pages that come through a proxy
        changed["server.corsAllowedOrigins"] = [service.site.base_url]
    config.get_config_options(force_reparse=True, options_from_flags={**SETTINGS, **changed})


def _run(service: RatingService, listener: socket.socket) -> None:
    import uvicorn
    from streamlit.starlette import App

    made = assembly.parts(service)
    app = App(made.script, routes=made.routes, middleware=made.middleware, lifespan=made.lifespan)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            access_log=False,  # addresses hold invite tokens
            log_level="warning",
            server_header=False,
            ws_ping_interval=_WEBSOCKET_PING,
            ws_ping_timeout=_WEBSOCKET_PING,
            timeout_graceful_shutdown=_SECONDS_TO_CLOSE,
        )
    )
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listener])
    if not server.started:
        raise InputError("the rating app could not be started; see above")
    print("stopped; every acknowledged answer is saved", file=sys.stderr)


def _listen(address: str, port: int) -> socket.socket:
    if not 0 <= port <= 65535:
        raise InputError(f"--port {port} is none; give 1 to 65535")
    try:
        family, _, _, _, place = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen(512)
    except socket.gaierror:
        raise InputError(f"--host {address!r} is no address of this machine") from None
    except OSError as error:
        raise InputError(
            f"cannot listen on {address} port {port} ({error.strerror}); give another with --port or --host"
        ) from None
    return listener
