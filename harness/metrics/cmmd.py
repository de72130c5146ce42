"""CMMD (Jayasumana et al. 2024): the maximum mean discrepancy of CLIP's picture vectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from harness.metrics.base import Estimate, Inputs
from harness.metrics.mmd import gaussian_kernel, mmd, mmd_of_subsets
from harness.metrics.sides import OnFeatures
from harness.rows import LazyRows, Places, Rows, Vectors
from harness.stats import Interval

SIGMA = 10.0
SCALE = 1000.0


@dataclass(frozen=True, kw_only=True)
class Cmmd(OnFeatures):
    """CMMD: squared MMD of CLIP's unit vectors with a Gaussian kernel of sigma 10, times 1000.

    The biased estimate, as its authors' code computes it: each picture's kernel with itself counts, which
    adds about 1000 * (1 - mean kernel) / n for each side. Lower is better; 0 is the least.
    """

    name: str = "cmmd"
    extractor: str = "clip_l14_336"
    summary: str = "CMMD: squared MMD of CLIP's unit vectors with a Gaussian kernel of sigma 10, times 1000."

    def protocol(self) -> tuple[str, ...]:
        """See OnFeatures."""
        return ("unit", f"gauss{SIGMA:g}", "biased", f"x{SCALE:g}")

    def whole_set(self, inputs: Inputs) -> Estimate:
        """The distance and its interval. Raises ValueError below 2 pictures on either side."""
        rows, real = unit_rows(self.generated_rows(inputs)), unit_rows(self.reference_rows(inputs))
        value, interval = mmd(rows, real, gaussian_kernel(SIGMA), inputs.clusters, unbiased=False)
        low, high = max(0.0, SCALE * interval.low), SCALE * interval.high
        return Estimate(SCALE * max(0.0, value), Interval(low, high, interval.method))

    def of_subsets(self, inputs: Inputs) -> Callable[[Places], float]:
        """See OfSubsets. Raises ValueError as `whole_set`."""
        rows, real = unit_rows(self.generated_rows(inputs)), unit_rows(self.reference_rows(inputs))
        value = mmd_of_subsets(rows, real, gaussian_kernel(SIGMA), unbiased=False)
        return lambda places: SCALE * max(0.0, value(places))


def unit_rows(rows: Rows) -> Rows:
    """The rows at length 1, float32. A row of zeros stays."""

    def fetch(places: Places) -> Vectors:
        part = rows.take(places)
        lengths = np.linalg.norm(part.astype(np.float64), axis=1, keepdims=True)
        return np.asarray(part / np.where(lengths > 0, lengths, 1.0), dtype=np.float32)

    return LazyRows(rows.shape, fetch)
