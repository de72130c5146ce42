"""The administrators' download: an export of everything, as one ZIP file."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from human_eval_app.web.admin_session import is_admin
from human_eval_app.web.security import PLAIN_POLICY
from human_eval_app.web.serving import RatingService, in_thread
from human_eval_app.web.small_json import NO_STORE

EXPORTS: Final[Mapping[str, tuple[str, ...]]] = {
    "csv": ("csv",),
    "jsonl": ("jsonl",),
    "parquet": ("parquet",),
    "private": ("csv",),
}
"""Name in the address -> formats. "private" has labels, recruiting sites' ids and completion codes too."""

_HEADERS = {**NO_STORE, "Content-Security-Policy": PLAIN_POLICY}


async def download(service: RatingService, request: Request) -> Response:
    """The response to GET /admin/export/{name}."""
    if not await in_thread(is_admin, service, request):
        return PlainTextResponse("Log in as an administrator first.", 403, _HEADERS)
    name = request.path_params["name"]
    if name not in EXPORTS:
        return PlainTextResponse("Not found.", 404, _HEADERS)
    content = await in_thread(_zip, service, name)
    file = f"ratings-{service.study.design.digest[:8]}-{name}.zip"
    return Response(
        content,
        media_type="application/zip",
        headers={
            **_HEADERS,
            "Content-Disposition": f'attachment; filename="{file}"',
        },
    )


def _zip(service: RatingService, name: str) -> bytes:
    from human_eval_app.exports.exporting import export_study

    packed = io.BytesIO()
    with tempfile.TemporaryDirectory(prefix="drawbench-export-") as folder:
        files = export_study(service.store, Path(folder), formats=EXPORTS[name], private=name == "private")
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in files:
                archive.write(path, path.name)
    return packed.getvalue()
