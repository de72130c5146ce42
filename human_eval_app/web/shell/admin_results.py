"""What the ratings say so far, with intervals; agreement; each rater's control accuracy and side bias."""

from __future__ import annotations

import math

import streamlit as st

from human_eval_app.web.serving import RatingService
from human_eval_app.web.shell.admin_tables import Scale, interval_bar, percent, table


def show(service: RatingService) -> None:
    """Shows live results. They are for watching: whoever stops a study when they please is misled by them."""
    from human_eval_app.analysis import live_results

    results = live_results(service.store.ratings(), service.study.design)
    st.html(
        '<p class="soft">Intervals are 95%, over prompts and raters. Decide beforehand when the study ends: '
        "stopping when a result looks good makes these intervals too narrow.</p>"
    )
    table(
        ["Question", "Comparison", "", "Value", "95% interval", "Unit", "Prompts", "Raters", "Ratings"],
        [
            (
                row.question,
                row.label,
                interval_bar(row.value, row.low, row.high, scale(row.unit, row.label)),
                number(row.value),
                f"{number(row.low)} to {number(row.high)}",
                row.unit,
                row.prompts,
                row.raters,
                row.ratings,
            )
            for row in results.rows
        ],
        empty="No rating counts towards a result yet.",
    )
    st.subheader("Agreement")
    table(
        ["Question", "Krippendorff's alpha (ordinal)", "Raw agreement", "Remark"],
        [
            (
                row.question,
                "–" if row.alpha is None else f"{row.alpha:.2f}",
                "–" if math.isnan(row.raw) else f"{100 * row.raw:.0f}%",
                row.why,
            )
            for row in results.agreement
        ],
        empty="No item has two ratings yet.",
    )
    st.subheader("Raters")
    table(
        ["Rater", "Ratings", "Controls right", "Gate", "Left chosen", "Median time"],
        [
            (
                row.rater,
                row.ratings,
                percent(row.controls_right, row.controls_seen),
                "below the gate" if row.low_control else "",
                "–" if math.isnan(row.left_share) else f"{100 * row.left_share:.0f}%",
                "–" if math.isnan(row.median_seconds) else f"{row.median_seconds:.1f} s",
            )
            for row in results.raters
        ],
        empty="No rater has answered yet.",
    )


def scale(unit: str, label: str) -> Scale:
    """The scale a value is drawn on: shares and scores from 0 to 100, differences around 0."""
    if unit == "percentage points" or " minus " in label:
        return Scale(-100.0, 100.0, 0.0)
    return Scale(0.0, 100.0, 50.0)


def number(value: float) -> str:
    """Such as "39.5", "–" where there is none."""
    return "–" if math.isnan(value) else f"{value:.1f}"
