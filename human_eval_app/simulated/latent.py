"""The latent-threshold model of a judgement, and what an effect means in it.

A judgement is a number u = shift + prompt effect + rater effect + side bias + noise, with noise of standard
deviation 1. Above +threshold the answer is the first choice (arm a, or "yes"), below -threshold the last (arm
b, or "no"), between them the middle one. Valued 100, 50 and 0, the mean answer is the preference for arm a in
percent, or the alignment score.
"""

from __future__ import annotations

from statistics import NormalDist

_STANDARD = NormalDist()


def mean_value(shift: float, threshold: float, spread: float) -> float:
    """The mean answer in percent, 0 to 100, where u has mean `shift` and standard deviation `spread`."""
    first = _STANDARD.cdf((shift - threshold) / spread)
    last = _STANDARD.cdf((-shift - threshold) / spread)
    return 50.0 * (1.0 + first - last)


def shift_for(percent: float, threshold: float, spread: float) -> float:
    """The shift whose `mean_value` is `percent`; raises ValueError outside 0.1 to 99.9."""
    if not 0.1 <= percent <= 99.9:
        raise ValueError(f"an effect lies between 0.1 and 99.9 percent, not at {percent:g}")
    low, high = -8.0 * spread - threshold, 8.0 * spread + threshold
    for _ in range(60):  # bisection: mean_value rises with the shift
        middle = (low + high) / 2
        if mean_value(middle, threshold, spread) < percent:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def place(u: float, threshold: float) -> int:
    """0 for the first choice, 1 for the middle one, 2 for the last; threshold 0 where there is no middle."""
    if u > threshold:
        return 0
    return 2 if u <= -threshold else 1
