"""The look of the Streamlit pages around the pane."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import streamlit as st


def style(*names: str) -> None:
    """Adds style sheets of this folder, such as "reading", to the page."""
    if st.context.theme.type == "dark":
        names = (*names, "on_dark")
    st.html("<style>" + "\n".join(_sheet(name) for name in names) + "</style>")


@cache
def _sheet(name: str) -> str:
    return (Path(__file__).parent / f"{name}.css").read_text(encoding="utf-8")
