"""Pages without Streamlit: the one behind an invite link, and the administrators' log-in."""

from __future__ import annotations

import html

from starlette.responses import HTMLResponse

from human_eval_app.web.pane_files import pane_address
from human_eval_app.web.security import PLAIN_POLICY
from human_eval_app.web.small_json import NO_STORE


def plain_page(title: str, body: str, *, script: str, status: int = 200) -> HTMLResponse:
    """A small page that works in light and dark. `body` is markup of ours, `title` any text."""
    text = html.escape(title)
    return HTMLResponse(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{text}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><meta name="robots" content="noindex">'
        f'<link rel="stylesheet" href="{pane_address("page.css")}">'
        f'<link rel="icon" href="{pane_address("icon.svg")}">'
        f'<script type="module" src="{pane_address(script)}"></script></head>'
        f"<body><main><h1>{text}</h1>{body}</main></body></html>",
        status,
        {**NO_STORE, "Content-Security-Policy": PLAIN_POLICY},
    )
