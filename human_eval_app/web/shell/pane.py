"""The rating pane as a Streamlit component: our own JavaScript in the page itself, without a frame."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import streamlit as st

from human_eval_app.studies.design import StudyDesign
from human_eval_app.web.pane_files import pane_address, pane_text


def show_pane(design: StudyDesign) -> None:
    """Mounts the pane. It talks to the JSON API by itself, and has the script run again at a new phase."""
    _component()(
        key="rating_pane",
        data={"title": design.title, "instructions": design.instructions},
        on_phase_change=_run_again,
    )


def _run_again() -> None:
    """The run itself is what is wanted: it reads the new phase from the database."""


@cache
def _component() -> Callable[..., Any]:
    module = pane_address("main.js")
    return st.components.v2.component(
        "drawbench_rating_pane",
        css=pane_text("pane.css"),
        js=(
            "export default async function (component) {\n"
            f'  const pane = await import(new URL("{module}", document.baseURI).href);\n'
            "  return pane.mount(component);\n"
            "}\n"
        ),
        isolate_styles=True,
    )
