"""What the ratings say so far, with intervals; agreement; each rater's control accuracy and side bias."""

from __future__ import annotations

import streamlit as st

from human_eval_app.serving import RatingService
from human_eval_app.shell.admin_tables import interval_bar, percent, table


def show(service: RatingService) -> None:
    """Shows live results. They are for watching: whoever stops a study when they please is misled by them."""
    from human_eval_app.analysis import live_results

    results = live_results(service.store.ratings(), service.study.design)
    st.html(
        '<p class="soft">Intervals are 95%, over prompts and raters. Decide beforehand when the study ends: stopping '
        "when a result looks good makes these intervals too narrow.</p>"
    )
    bounds = [bound for row in results.rows for bound in (row.low, row.high)]
    least, most, middle = scale(service.study.design.kind, bounds)
    table(
        ["Question", "", "", "Value", "95% interval", "Unit", "Prompts", "Raters", "Ratings"],
        [
            (
                row.question,
                row.label,
                interval_bar(row.value, row.low, row.high, least, most, middle),
                f"{row.value:.3g}",
                f"{row.low:.3g} to {row.high:.3g}",
                row.unit,
                row.prompts,
                row.raters,
                row.ratings,
            )
            for row in results.rows
        ],
        empty="No ratings yet.",
    )
    st.subheader("Agreement")
    table(
        ["Question", "Krippendorff's alpha (ordinal)", "Raw agreement", "Remark"],
        [
            (
                row.question,
                "–" if row.alpha is None else f"{row.alpha:.2f}",
                "–" if row.raw is None else f"{100 * row.raw:.0f}%",
                row.why,
            )
            for row in results.agreement
        ],
        empty="No item has two ratings yet.",
    )
    st.subheader("Raters")
    table(
        ["Rater", "Ratings", "Controls right", "", "Left chosen", "Median time", ""],
        [
            (
                row.rater,
                row.ratings,
                percent(row.controls_right, row.controls_seen),
                "below the gate" if row.low_control else "",
                "–" if row.left_share is None else f"{100 * row.left_share:.0f}%",
                "–" if row.median_seconds is None else f"{row.median_seconds:.1f} s",
                "",
            )
            for row in results.raters
        ],
        empty="No rater has answered yet.",
    )
    for note in results.notes:
        st.html(f'<p class="soft">{note}</p>') if False else st.text(note)


def scale(kind: str, bounds: list[float]) -> tuple[float, float, float]:
    """Least, most and middle of the drawn scale for a kind of study and the intervals to show."""
    largest = max((abs(bound) for bound in bounds), default=1.0)
    if kind == "side_by_side":
        reach = 100.0 if largest > 1 else 1.0
        return -reach, reach, 0.0
    if kind == "alignment":
        least = min((bound for bound in bounds), default=0.0)
        return (-100.0 if least < 0 else 0.0), 100.0, (0.0 if least < 0 else 50.0)
    reach = 100.0 if largest > 1 else 1.0
    return 0.0, reach, reach / 2
