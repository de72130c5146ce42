"""What an interval and an estimate with an error are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval and how it was made. The ends are NaN where nothing can be said."""

    low: float
    high: float
    method: str


@dataclass(frozen=True, slots=True)
class TEstimate:
    """A value whose error is estimated with some degrees of freedom, so that (value - truth) / error is t.

    `error` is the standard error, NaN where none can be estimated; `method` says how it was made.
    """

    value: float
    error: float
    degrees: float
    method: str

    def interval(self, level: float = 0.95) -> Interval:
        """value +- t * error at this level (0..1)."""
        if math.isnan(self.error):
            return Interval(np.nan, np.nan, self.method)
        half = t_quantile(level, self.degrees) * self.error
        return Interval(self.value - half, self.value + half, f"{level:.0%} {self.method}")

    @property
    def p(self) -> float:
        """Two-sided p of the hypothesis that the true value is 0; NaN without an error.

        Without any spread it is 1 for a value of 0, and 0 for another.
        """
        if math.isnan(self.error):
            return math.nan
        if self.error == 0:
            return float(self.value == 0)
        return float(2 * stdtr(self.degrees, -abs(self.value) / self.error))


def t_quantile(level: float, degrees_of_freedom: float) -> float:
    """The t with probability `level` (0..1) between -t and t."""
    return float(stdtrit(degrees_of_freedom, 0.5 + level / 2))
