"""Each rater by themselves: how many answers, which side, how fast, and how right on control trials."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.stats import holm
from human_eval_app.analysis.answers import Answers, Sorted
from human_eval_app.analysis.controls import control_accuracy
from human_eval_app.analysis.proportions import binomial_p, wilson

FASTEST = 1 / 3


@dataclass(frozen=True, slots=True)
class RaterHabits:
    """One rater. Shares are 0..1, NaN where there is nothing to share.

    `left` of `sided` answers went to the left (or first) side, ties apart, with Wilson's interval; `left_p`
    is the exact binomial p of no preference for a side and `left_holm` Holm's over raters. Where a page asks
    two questions, its first alone counts here, since one page's answers are not independent. `middle` is the
    share of middle answers, `seconds` the median time on a page, `hasty` a median below a third of the
    median rater's. `counted` says whether the rater's answers are in the estimates.
    """

    rater: str
    answers: int
    control_right: int
    control_seen: int
    control_low: float
    control_high: float
    left: int
    sided: int
    left_low: float
    left_high: float
    left_p: float
    left_holm: float
    middle: float
    seconds: float
    hasty: bool
    counted: bool

    @property
    def control_share(self) -> float:
        """Control trials right, 0..1; NaN without any."""
        return self.control_right / self.control_seen if self.control_seen else math.nan

    @property
    def left_share(self) -> float:
        """Answers for the left side among those for a side, 0..1; NaN without any."""
        return self.left / self.sided if self.sided else math.nan


def rater_habits(ready: Sorted, everyone: Answers, counted: Answers) -> list[RaterHabits]:
    """All raters, in order.

    `ready` is the whole ratings table, for control trials; `everyone` holds the answers without a gate and
    with exclusions, `counted` those of the estimates.
    """
    table = everyone.table
    pages = table[~table.duplicated("presentation", keep="first")]
    sided = pages[pages["choice_shown"].isin(["left", "right"])]
    left = sided["choice_shown"].eq("left").groupby(sided["rater"]).sum()
    sides = sided.groupby("rater").size()
    middle = table["choice"].isin(["indifferent", "somewhat"]).groupby(table["rater"]).mean()
    number = table.groupby("rater").size()
    seconds = pages.groupby("rater")["dwell_ms"].median() / 1000
    slow = float(seconds.median()) if len(seconds) else math.nan
    in_use = set(map(str, counted.table["rater"]))
    rows = []
    controls = control_accuracy(ready.table)
    by_name = {str(name): name for name in set(ready.table["rater"])}
    names = [by_name[control.rater] for control in controls]
    sign_p = [binomial_p(int(left.get(name, 0)), int(sides.get(name, 0))) for name in names]
    adjusted = holm(sign_p).tolist()
    for control, p, p_holm in zip(controls, sign_p, adjusted, strict=True):
        name = by_name[control.rater]
        hits, seen = int(left.get(name, 0)), int(sides.get(name, 0))
        low, high = wilson(hits, seen)
        pace = float(seconds.get(name, math.nan))
        rows.append(
            RaterHabits(
                rater=control.rater,
                answers=int(number.get(name, 0)),
                control_right=control.right,
                control_seen=control.seen,
                control_low=control.low,
                control_high=control.high,
                left=hits,
                sided=seen,
                left_low=low,
                left_high=high,
                left_p=p if seen else math.nan,
                left_holm=float(p_holm) if seen else math.nan,
                middle=float(middle.get(name, math.nan)),
                seconds=pace,
                hasty=pace < FASTEST * slow,
                counted=control.rater in in_use,
            )
        )
    return rows
