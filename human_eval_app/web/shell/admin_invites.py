"""Inviting raters."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from human_eval_app.web.serving import RatingService
from human_eval_app.web.shell.admin_links import show_links


def show(service: RatingService) -> None:
    """The form for new links: one for each rater, or one for many."""
    design = service.study.design
    with st.form("invite", border=False):
        st.radio(
            "Kind of link",
            ["single", "open"],
            format_func={
                "single": "one link for each rater",
                "open": "one link for many raters (a recruiting site)",
            }.get,
            key="invite_kind",
        )
        columns = st.columns(3)
        count = columns[0].number_input("Raters", 1, 1000, 5, key="invite_count")
        days = columns[1].number_input("Works for days", 1, 365, 30, key="invite_days")
        cell = columns[2].selectbox("Cell", ["balanced", *design.cells], key="invite_cell")
        label = st.text_input("Label (for you alone)", key="invite_label", max_chars=100)
        if st.form_submit_button("Make links", type="primary"):
            single = st.session_state["invite_kind"] == "single"
            st.session_state["invited"] = service.store.invite(
                int(count) if single else 1,
                cell=None if cell == "balanced" else cell,
                expires_at=service.clock() + timedelta(days=int(days)),
                label=label.strip() or None,
                open_places=None if single else int(count),
            )
    if made := st.session_state.get("invited"):
        show_links(service, made)
