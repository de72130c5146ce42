"""Statistics of a study's ratings: estimates with two-way intervals, tests, agreement, raters, rankings.

Small pure modules over the table of ratings (`RatingStore.ratings`, or an export read again).
"""

from human_eval_app.analysis.live import LiveAgreement, LiveRater, LiveResults, LiveRow, live_results
from human_eval_app.analysis.study_analysis import Analysis, analyse

__all__ = ["Analysis", "LiveAgreement", "LiveRater", "LiveResults", "LiveRow", "analyse", "live_results"]
