"""Links for raters, shown once: only their hashes are kept."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from human_eval_app.store.records import Invite
from human_eval_app.web.serving import RatingService


def base_url(service: RatingService) -> str:
    """The address raters use: the public one, or the one this page was opened with."""
    if service.site.base_url:
        return service.site.base_url
    host = st.context.headers.get("Host", "localhost")
    return f"http://{host}"


def show_links(service: RatingService, invites: Sequence[Invite]) -> None:
    """Shows links to copy."""
    base = base_url(service)
    st.code("\n".join(invite.address(base) for invite in invites), language=None)
    if (places := invites[0].places) == 1:
        st.caption("Copy them now: they are shown only once. Each works once, in the browser that opens it.")
    else:
        st.caption(f"Copy it now: it is shown only once. It lets {places} raters in, each in one browser.")
