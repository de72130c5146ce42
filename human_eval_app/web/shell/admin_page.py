"""The administrators' area: how far the study is, what it says so far, who rates, and what may be done."""

from __future__ import annotations

import html

import streamlit as st

from drawbench.errors import InputError
from human_eval_app.database.connections import StoreUnavailable
from human_eval_app.web.serving import RatingService, current
from human_eval_app.web.shell import (
    admin_invites,
    admin_log,
    admin_progress,
    admin_raters,
    admin_results,
    visitor,
)
from human_eval_app.web.shell.style import style

_TABS = {
    "Progress": admin_progress.show,
    "Results": admin_results.show,
    "Raters": admin_raters.show,
    "Invite": admin_invites.show,
    "Flags and log": admin_log.show,
    "Export": admin_log.show_export,
}


def show() -> None:
    """Shows the area to administrators, and to anyone else where to log in."""
    service = current()
    style("bare", "admin")
    try:
        if not visitor.is_admin():
            st.html("<h1>Administration</h1><p>These pages are for the study's team.</p>")
            st.html('<p><a href="/admin/login" target="_self">Log in with the admin token</a></p>')
            return
        _header(service)
        tabs = st.tabs(list(_TABS), key="tab", on_change="rerun")  # what is not looked at is not counted
        for tab, show_tab in zip(tabs, _TABS.values(), strict=True):
            if tab.open:
                with tab:
                    show_tab(service)
    except StoreUnavailable as error:
        st.error(f"The database cannot be used: {error}")
    except InputError as error:
        st.error(str(error))


def _header(service: RatingService) -> None:
    progress, design = service.store.progress(), service.study.design
    left, right = st.columns([5, 2], vertical_alignment="center")
    with left:
        st.html(
            f'<h1>{html.escape(design.title)} <span class="pill">{progress.status}</span></h1>'
            f'<p class="soft">{html.escape(design.name)} · {design.kind.replace("_", " ")} · '
            f"design {design.digest[:12]}</p>"
        )
    with right, st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        st.button("Refresh", key="refresh")
        if progress.status == "open":
            st.button("Close the study", key="close", on_click=visitor.if_admin, args=(service.store.close,))
        else:
            st.button("Reopen", key="reopen", on_click=visitor.if_admin, args=(service.store.reopen,))
        st.html('<a class="quiet" href="/admin/logout" target="_self">Log out</a>')
