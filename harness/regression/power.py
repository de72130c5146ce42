"""What true loss a comparison calls a regression, and with what probability."""

from __future__ import annotations

import math

from scipy.special import stdtrit

from harness.regression.evidence import ALPHA

LEAST_DEGREES = 4


def detectable(error: float, degrees: float, margin: float, tests: int, power: float) -> float:
    """The true loss that is called a regression with probability `power` (0.5..1), in the metric's unit.

    margin + (t(1 - alpha / tests) + t(power)) * error: the first step of Holm's correction, which is the
    hardest, so that a loss of several metrics is found more easily. `error` is the standard error of the
    gain, with `degrees` of freedom. NaN where there is none, or fewer than 4 degrees.
    """
    if not (math.isfinite(error) and degrees >= LEAST_DEGREES):
        return math.nan
    hardest = float(stdtrit(degrees, 1 - ALPHA / max(tests, 1)))
    return margin + (hardest + float(stdtrit(degrees, power))) * error
