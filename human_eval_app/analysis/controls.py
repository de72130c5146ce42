"""Control trials: how often each rater found what is certain, and who falls below the gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from human_eval_app.analysis.proportions import wilson

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class ControlAccuracy:
    """Control trials of one rater (or of all, rater ""): right of seen, with Wilson's 95% interval."""

    rater: str
    right: int
    seen: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """Right of seen; NaN for a rater who saw none."""
        return self.right / self.seen if self.seen else float("nan")


def control_accuracy(frame: pd.DataFrame) -> list[ControlAccuracy]:
    """Every rater's control trials, by rater; raters without any have 0 of 0 and an interval of 0..1.

    `frame` is the whole ratings table. A trial is right if all its questions are, and a rater who changed an
    answer is judged by the last one.
    """
    found = _trials(frame).groupby(level="rater")
    sums, sizes = found.sum(), found.size()
    rows = []
    for rater in sorted(set(frame["rater"])):
        hits, seen = int(sums.get(rater, 0)), int(sizes.get(rater, 0))
        low, high = wilson(hits, seen)
        rows.append(ControlAccuracy(str(rater), hits, seen, low, high))
    return rows


def low_control_raters(frame: pd.DataFrame, gate: float) -> list[object]:
    """Raters with less than `gate` (0..1) of their control trials right, in order; none for a gate of 0.

    Whoever saw no control trial is not among them.
    """
    trials = _trials(frame)
    if gate <= 0 or trials.empty:
        return []
    shares = trials.groupby(level="rater").mean()
    return sorted(shares.index[shares < gate - 1e-9])


def _trials(frame: pd.DataFrame) -> pd.Series:
    """Whether each (rater, presentation) of a control item was answered as expected."""
    trials = last_revisions(frame[frame["role"].eq("control")])
    right = trials["correct"].fillna(False).astype(bool)
    return right.groupby([trials["rater"], trials["presentation"]]).all()


def last_revisions(frame: pd.DataFrame) -> pd.DataFrame:
    """The last revision of each (item, rater, question)."""
    ordered = frame.sort_values(["revision", "presentation"], kind="stable")
    return ordered[~ordered.duplicated(["item", "rater", "question"], keep="last")]
