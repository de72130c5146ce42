"""Which page a visitor sees: the raters' at /, the administrators' at /admin. No menu links them."""

from __future__ import annotations

import streamlit as st

from human_eval_app.web.shell import admin_page, rater_page


def show_page() -> None:
    """Runs the page of the visitor's address."""
    pages = [
        st.Page(rater_page.show, title="Rating", url_path="rating", default=True),
        st.Page(admin_page.show, title="Administration", url_path="admin"),
    ]
    st.navigation(pages, position="hidden").run()
