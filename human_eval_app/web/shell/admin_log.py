"""What raters flagged, the append-only log, and the export."""

from __future__ import annotations

import itertools
import json
from collections import deque

import streamlit as st

from human_eval_app.store.records import Event
from human_eval_app.web.serving import RatingService
from human_eval_app.web.shell.admin_tables import table, time

_MOST = 200


def show(service: RatingService) -> None:
    """Shows flags, then the latest events."""
    events = deque(service.store.events(), maxlen=5000)
    flags = [event for event in events if event.kind == "flag"]
    st.subheader("Flags")
    table(
        ["Time (UTC)", "Rater", "About", "What they say"],
        [
            (time(event.at), event.by, _about(event), str(event.detail.get("reason", "")))
            for event in reversed(flags)
        ],
        empty="Nobody has flagged anything.",
    )
    st.subheader("Log")
    st.caption(f"The latest {_MOST} events; the export has all of them.")
    table(
        ["No.", "Time (UTC)", "What", "By", "About", "Detail"],
        [
            (event.id, time(event.at), event.kind, event.by, _about(event), _detail(event))
            for event in itertools.islice(reversed(events), _MOST)
        ],
        empty="Nothing has happened yet.",
    )


def show_export(_service: RatingService) -> None:
    """Links to the downloads."""
    links = "".join(
        f'<li><a href="/admin/export/{name}" target="_self">{title}</a> <span class="soft">{what}</span></li>'
        for name, title, what in (
            ("csv", "CSV", "for spreadsheets and R"),
            ("jsonl", "JSON Lines", "one object a line"),
            ("parquet", "Parquet", "for pandas and polars"),
            (
                "private",
                "CSV with private columns",
                "labels, ids of recruiting sites, completion codes: for paying raters",
            ),
        )
    )
    st.html(
        "<p>Each is a ZIP of every table (ratings, revisions, pages, raters, events), the design, and a data "
        "dictionary. What is left out of the analysis is marked in it, not removed.</p>"
        f'<ul class="downloads">{links}</ul>'
    )


def _about(event: Event) -> str:
    return f"{event.target} {event.target_id}".strip()


def _detail(event: Event) -> str:
    return json.dumps(dict(event.detail), ensure_ascii=False) if event.detail else ""
