"""Links for raters, shown once: only their hashes are kept."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from human_eval_app.serving import RatingService


def base_url(service: RatingService) -> str:
    """The address raters use: the public one, or the one this page was opened with."""
    if service.site.base_url:
        return service.site.base_url
    host = st.context.headers.get("Host", "localhost")
    return f"http://{host}"


def show_links(service: RatingService, tokens: Sequence[str]) -> None:
    """Shows links to copy."""
    base = base_url(service)
    st.code("\n".join(f"{base}/enter/{token}" for token in tokens), language=None)
    st.caption("Copy them now: they cannot be shown again. Each works once, in the browser that opens it.")
