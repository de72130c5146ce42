"""Results while a study runs: the primary estimates and the raters, quickly, without resampling."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from human_eval_app.analysis.agreement import agreement_rows
from human_eval_app.analysis.answers import answers_that_count, sorted_answers
from human_eval_app.analysis.bounded import two_way_wilson
from human_eval_app.analysis.crossed import contrast_estimate
from human_eval_app.analysis.estimates import PRIMARY, parts
from human_eval_app.analysis.layout import macro_contrast
from human_eval_app.analysis.rater_habits import rater_habits

if TYPE_CHECKING:
    import pandas as pd

    from human_eval_app.studies.design import StudyDesign

UNITS = {
    "preference": "%",
    "net": "percentage points",
    "difference": "points of 100",
    "score": "points of 100",
}
NO_RATINGS = "there is no rating yet"
LOOKING = "these are interim results: deciding to stop by looking at them makes their intervals too short"


@dataclass(frozen=True, slots=True)
class LiveRow:
    """A primary estimate, mean over categories, with its 95% two-way Wilson interval (NaN for none)."""

    question: str
    label: str
    value: float
    low: float
    high: float
    unit: str
    prompts: int
    raters: int
    ratings: int


@dataclass(frozen=True, slots=True)
class LiveAgreement:
    """Krippendorff's ordinal alpha of a question; None with the reason in `why`. `raw` is 0..1 or NaN."""

    question: str
    alpha: float | None
    raw: float
    why: str


@dataclass(frozen=True, slots=True)
class LiveRater:
    """A rater so far; `left_share` (0..1) and `median_seconds` are NaN where there is nothing to say."""

    rater: str
    ratings: int
    controls_right: int
    controls_seen: int
    left_share: float
    median_seconds: float
    low_control: bool


@dataclass(frozen=True, slots=True)
class LiveResults:
    """What the admin area shows."""

    rows: tuple[LiveRow, ...]
    agreement: tuple[LiveAgreement, ...]
    raters: tuple[LiveRater, ...]
    counts: Mapping[str, int]
    notes: tuple[str, ...]


def live_results(frame: pd.DataFrame, design: StudyDesign) -> LiveResults:
    """Interim results of the ratings so far; of an empty table, none and a note. Raises InputError."""
    if frame.empty:
        return LiveResults((), (), (), {}, (NO_RATINGS,))
    order = tuple(source.name for source in design.models)
    ready = sorted_answers(frame, order)
    answers = answers_that_count(ready, gate=design.control_gate)
    everyone = answers_that_count(ready, include_excluded=True)
    low = set(answers.low_raters)
    raters = tuple(
        LiveRater(
            h.rater, h.answers, h.control_right, h.control_seen, h.left_share, h.seconds, h.rater in low
        )
        for h in rater_habits(ready, everyone, answers)
    )
    if answers.table.empty:
        return LiveResults((), (), raters, answers.counts, (NO_RATINGS,))
    wanted = {PRIMARY[answers.kind], "score"}
    rows = []
    for part in parts(answers):
        for quantity in part.quantities:
            if quantity.name not in wanted:
                continue
            layout = part.layout
            estimate = contrast_estimate(
                layout, part.answers @ np.array(quantity.columns), macro_contrast(layout, part.arms)
            )
            prompts, people = int(layout.prompt.max()) + 1, int(layout.rater.max()) + 1
            ends = two_way_wilson(estimate, quantity.bounds, prompts=prompts, raters=people)
            label = f"{part.model_a} over {part.model_b}" if part.model_b else part.model_a
            if quantity.name == "difference":
                label = f"{part.model_a} minus {part.model_b}"
            rows.append(
                LiveRow(
                    part.question,
                    label,
                    estimate.value,
                    ends.low,
                    ends.high,
                    UNITS[quantity.name],
                    prompts,
                    people,
                    layout.size,
                )
            )
    agreement = tuple(
        LiveAgreement(a.question, None if math.isnan(a.alpha) else a.alpha, a.raw, a.why)
        for a in agreement_rows(answers, resamples=0, by_category=False)
    )
    return LiveResults(tuple(rows), agreement, raters, answers.counts, (LOOKING,))
