"""How much worse a metric may get before it counts: one margin a metric, each with its reason.

A margin is what a release may lose without anybody minding. It is no measure of noise: the interval of the
difference is that. Too small a margin makes verdicts inconclusive, too large a one lets losses pass.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from drawbench.errors import InputError

FAILURES_METRIC = "failed_samples"


@dataclass(frozen=True, slots=True)
class Margin:
    """A loss that does not count: `value` in the metric's unit, or as a share of the baseline's value."""

    value: float
    relative: bool
    reason: str

    def at(self, baseline: float) -> float:
        """The margin in the metric's unit beside a baseline's value."""
        return self.value * abs(baseline) if self.relative else self.value

    @property
    def text(self) -> str:
        """ "0.03" or "5%"."""
        return f"{100 * self.value:g}%" if self.relative else f"{self.value:g}"


_SHARE = "three answers in a hundred: less than what separates neighbours on published leaderboards"
_DISTANCE = "5% of a Fréchet distance: re-encoding or resizing otherwise moves it more, other seeds less"
_KERNEL = "10%: at a few hundred pictures, kernel distances vary about twice as much as Fréchet distances"

DEFAULTS: tuple[tuple[str, Margin], ...] = (
    (FAILURES_METRIC, Margin(0.01, False, "one more sample in a hundred without a picture")),
    ("scenes_*", Margin(0.03, False, _SHARE)),
    ("geneval_*", Margin(0.03, False, _SHARE)),
    ("clip_r_precision", Margin(0.03, False, _SHARE)),
    ("written_text_*", Margin(0.03, False, _SHARE)),
    ("vqa_score", Margin(0.03, False, _SHARE)),
    ("clip_score", Margin(0.3, False, "published models a generation apart differ by 1 to 3 points")),
    ("clip_cosine", Margin(0.003, False, "the margin of clip_score on this scale")),
    ("clip_score_hessel", Margin(0.0075, False, "the margin of clip_score on this scale")),
    ("pick_score", Margin(0.1, False, "log odds: preferred 47.5 times in 100 instead of 50")),
    ("align_conse", Margin(0.5, False, "about a tenth of what own captions win over other captions (5.8)")),
    ("saturated_values", Margin(0.01, False, "1 percentage point of all values")),
    ("fid_infinity", Margin(0.1, True, "10%: a limit by extrapolation varies more than the distance")),
    ("fd_infinity_*", Margin(0.1, True, "10%: a limit by extrapolation varies more than the distance")),
    ("fid*", Margin(0.05, True, _DISTANCE)),
    ("fd_*", Margin(0.05, True, _DISTANCE)),
    ("kid*", Margin(0.1, True, _KERNEL)),
    ("cmmd", Margin(0.1, True, _KERNEL)),
    ("inception_score", Margin(0.05, True, "5%: half of what separates neighbouring guidance weights")),
    ("class_score_*", Margin(0.05, True, "5%, as inception_score")),
    ("precision*", Margin(0.03, False, _SHARE)),
    ("recall*", Margin(0.03, False, _SHARE)),
    ("coverage*", Margin(0.03, False, _SHARE)),
    ("density*", Margin(0.05, True, "5% of the baseline's value")),
    ("*", Margin(0.05, True, "no margin is known for this metric, so 5% of the baseline's value")),
)


def margin_of(metric: str, given: Mapping[str, Margin]) -> Margin:
    """The margin of a metric: the given one, else the first of DEFAULTS whose name fits."""
    if metric in given:
        return given[metric]
    return next(margin for pattern, margin in DEFAULTS if fnmatchcase(metric, pattern))


def parse_margins(texts: Sequence[str]) -> dict[str, Margin]:
    """Reads "metric=0.02" (in the metric's unit) and "metric=3%" (of the baseline's value).

    Raises InputError on anything else, on a margin below 0, and on a metric that is named twice.
    """
    margins: dict[str, Margin] = {}
    for text in texts:
        name, equals, amount = (part.strip() for part in text.partition("="))
        relative = amount.endswith("%")
        try:
            value = float(amount.removesuffix("%"))
        except ValueError:
            value = math.nan
        if not equals or not name or not math.isfinite(value) or value < 0:
            raise InputError(f"--margin {text!r}: give it as METRIC=0.02 or METRIC=3%, at least 0")
        if name in margins:
            raise InputError(f"--margin names {name} twice")
        margins[name] = Margin(value / 100 if relative else value, relative, "given with --margin")
    return margins
