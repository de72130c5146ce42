"""Proportions of independent trials: Wilson's interval and the exact binomial test."""

from __future__ import annotations

from scipy.special import ndtri
from scipy.stats import binomtest


def wilson(hits: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's (1927) interval of a proportion; 0..1 without any trial."""
    if trials == 0:
        return 0.0, 1.0
    z = float(ndtri(0.5 + level / 2))
    share, a = hits / trials, z * z / trials
    half = (share * (1 - share) * a + a * a / 4) ** 0.5
    low, high = (share + a / 2 - half) / (1 + a), (share + a / 2 + half) / (1 + a)
    return (0.0 if hits == 0 else low), (1.0 if hits == trials else high)


def binomial_p(hits: int, trials: int) -> float:
    """Two-sided exact p of the hypothesis that each of `trials` is a hit by one half; 1 without a trial."""
    return float(binomtest(hits, trials, 0.5).pvalue) if trials else 1.0
