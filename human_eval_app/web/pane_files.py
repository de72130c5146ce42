"""The pane's scripts and styles, at addresses with their digest, so that browsers keep them for good."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

FOLDER: Final = Path(__file__).parent / "pane"
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


@cache
def pane_files() -> dict[str, bytes]:
    """Name -> content of every file of the pane."""
    return {path.name: path.read_bytes() for path in sorted(FOLDER.iterdir()) if path.suffix in _TYPES}


@cache
def pane_digest() -> str:
    """12 hex digits that change with any file of the pane."""
    digest = hashlib.sha256()
    for name, content in pane_files().items():
        digest.update(f"{name}\n{len(content)}\n".encode() + content)
    return digest.hexdigest()[:12]


def pane_address(name: str) -> str:
    """Where a file of the pane is served. Raises KeyError for a name that is none."""
    pane_files()[name]
    return f"/pane/{pane_digest()}/{name}"


def pane_text(name: str) -> str:
    """A file of the pane as text."""
    return pane_files()[name].decode()


async def _serve(request: Request) -> Response:
    name = request.path_params["name"]
    content = pane_files().get(name)
    if content is None or request.path_params["digest"] != pane_digest():
        return PlainTextResponse("Not found.", 404)
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(content, headers=headers, media_type=_TYPES[Path(name).suffix])


def pane_routes() -> list[Route]:
    """GET /pane/{digest}/{name}."""
    return [Route("/pane/{digest}/{name}", _serve, methods=["GET"])]
