"""How much a metric moves from one repeat of the baseline to the next, where nothing was changed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.score import seven_digits
from harness.stats import t_quantile

LEAST_REPEATS = 3


@dataclass(frozen=True, slots=True)
class NoiseBand:
    """Where the value of one more repeat of the baseline would lie 95 times in 100.

    `repeats` runs of the baseline, itself included, have values of this `mean` and standard `deviation`; the
    band is mean +- t(repeats - 1) * deviation * sqrt(1 + 1 / repeats).
    """

    repeats: int
    mean: float
    deviation: float
    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Whether a value is one that a repeat could have."""
        return self.low <= value <= self.high


def noise_band(values: Sequence[float], level: float = 0.95) -> NoiseBand:
    """The band from a metric's values in the repeats. Raises ValueError below 3 of them."""
    if len(values) < LEAST_REPEATS:
        raise ValueError(f"a noise band needs at least {LEAST_REPEATS} repeats, not {len(values)}")
    x = np.asarray(values, dtype=np.float64)
    mean, deviation = float(x.mean()), float(x.std(ddof=1))
    half = t_quantile(level, x.size - 1) * deviation * math.sqrt(1 + 1 / x.size)
    return NoiseBand(
        int(x.size),
        seven_digits(mean),
        seven_digits(deviation),
        seven_digits(mean - half),
        seven_digits(mean + half),
    )
