"""The administrators' area."""

from __future__ import annotations

import streamlit as st


def show() -> None:
    """To come."""
    st.write("administration")
