"""Several tests at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """p values (n,) adjusted for the chance of any false alarm among them (Holm 1979), in their order.

    The smallest is multiplied by n, the next by n - 1 and so on, none falls below one that was smaller, and
    none rises above 1. NaN, a test that could not be made, stays NaN and does not count. Raises ValueError
    for a p outside 0..1.
    """
    given = np.asarray(p, dtype=np.float64)
    adjusted = np.full(given.shape, np.nan)
    made = np.flatnonzero(~np.isnan(given))
    if ((given[made] < 0) | (given[made] > 1)).any():
        raise ValueError("p values must lie in 0..1")
    order = made[np.argsort(given[made], kind="stable")]
    steps = given[order] * np.arange(order.size, 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
