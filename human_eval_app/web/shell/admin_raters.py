"""The raters, and what may be done about one: leave out and take back, a new link, no more links."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import streamlit as st

from human_eval_app.store.records import Rater, Target
from human_eval_app.web.serving import RatingService
from human_eval_app.web.shell.admin_links import show_links
from human_eval_app.web.shell.admin_tables import percent, table, time
from human_eval_app.web.shell.visitor import if_admin

_OTHER_TARGETS: Final[Mapping[str, Target]] = {"one item": "item", "one page of one rater": "rating"}


def show(service: RatingService) -> None:
    """Shows every rater, and the forms."""
    raters = service.store.raters()
    table(
        [
            "Rater",
            "Status",
            "Label",
            "Cell",
            "Done",
            "Controls right",
            "Skipped",
            "Flagged",
            "Began (UTC)",
            "Finished (UTC)",
            "Left out because",
        ],
        [
            (
                rater.number,
                rater.status,
                rater.label or rater.external_id or "",
                rater.cell or "",
                f"{rater.done} / {rater.total}",
                percent(rater.controls_right, rater.controls_seen),
                rater.skipped,
                rater.flagged,
                time(rater.entered_at),
                time(rater.finished_at),
                rater.excluded_reason,
            )
            for rater in raters
        ],
        empty="Nobody is invited yet.",
    )
    if not raters:
        return
    by_number = {rater.number: rater for rater in raters}
    number = st.selectbox(
        "Rater",
        list(by_number),
        format_func=lambda number: _name(by_number[number]),
        key="rater_chosen",
    )
    rater = by_number[number]
    left, right = st.columns(2, gap="large")
    with left:
        _exclusion(service, rater)
    with right:
        _links(service, rater)
    _left_out_by_id(service)


def _exclusion(service: RatingService, rater: Rater) -> None:
    st.subheader("Leave out, take back")
    excluded = rater.status == "excluded" or bool(rater.excluded_reason)
    st.caption(
        "The rater's answers are kept and can be taken back; analyses leave them out and say so."
        if not excluded
        else f"Left out: {rater.excluded_reason}"
    )
    with st.form(f"exclusion_{rater.id}", border=False):
        reason = st.text_input("Reason (goes into the log)", key=f"reason_{rater.id}", max_chars=300)
        if st.form_submit_button("Take back" if excluded else "Leave out"):
            if not reason.strip():
                st.warning("Give a reason.")
            else:
                change = service.store.include if excluded else service.store.exclude
                change("rater", str(rater.id), reason.strip())
                st.rerun()


def _links(service: RatingService, rater: Rater) -> None:
    st.subheader("Links")
    st.caption("A new link goes on where the rater is; links given before stop working.")
    with st.container(horizontal=True):
        if st.button("New link", key=f"reissue_{rater.id}"):
            st.session_state["reissued"] = (rater.id, service.store.reissue(rater.id))
        st.button(
            "Withdraw access",
            key=f"revoke_{rater.id}",
            on_click=if_admin,
            args=(service.store.revoke, rater.id),
        )
    made = st.session_state.get("reissued")
    if made and made[0] == rater.id:
        show_links(service, [made[1]])


def _left_out_by_id(service: RatingService) -> None:
    with st.expander("Leave out one item, or one page of one rater"), st.form("exclude_other", border=False):
        kind = st.selectbox("What", list(_OTHER_TARGETS), key="other_kind")
        target_id = st.text_input("Its id, as in the export", key="other_id", max_chars=64)
        reason = st.text_input("Reason (goes into the log)", key="other_reason", max_chars=300)
        back = st.checkbox("Take back instead", key="other_back")
        if st.form_submit_button("Do it"):
            if not reason.strip() or not target_id.strip():
                st.warning("Give an id and a reason.")
            else:
                change = service.store.include if back else service.store.exclude
                change(_OTHER_TARGETS[kind], target_id.strip(), reason.strip())
                st.rerun()


def _name(rater: Rater) -> str:
    return f"{rater.number} · {rater.status}" + (f" · {rater.label}" if rater.label else "")
