"""Fréchet distances as metrics: FID under its protocols, and the same distance on other features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from harness.metrics.base import Estimate, Inputs
from harness.metrics.frechet import Generated, Reference, jackknife_interval
from harness.metrics.sides import OnFeatures
from harness.moments import Moments
from harness.rows import Places


@dataclass(frozen=True, kw_only=True)
class AgainstGaussian(OnFeatures):
    """A metric for which the reference is a Gaussian, so that statistics only will do."""

    needs_reference_rows: bool = False

    def fitted(self, inputs: Inputs) -> Reference:
        """The reference's Gaussian, from its sums where known. Raises ValueError below 2 pictures."""
        moments = self.reference(inputs).moments.get(self.extractor)
        if moments is None:
            return Reference.of(self.reference_rows(inputs))
        if self.part is not None:
            cut = slice(*self.part)
            moments = Moments(moments.n, moments.total[cut], moments.outer[cut, cut])
        return Reference.from_moments(moments)


@dataclass(frozen=True, kw_only=True)
class FrechetMetric(AgainstGaussian):
    """Fréchet distance between the pictures' features and those of the reference pictures.

    Lower is better; 0 is the least.
    """

    summary: str = "Fréchet distance between the pictures' features and those of the reference pictures."

    def whole_set(self, inputs: Inputs) -> Estimate:
        """The distance and its jackknife interval. Raises ValueError below 2 pictures on either side."""
        generated, real = self._sides(inputs)
        value, interval = jackknife_interval(generated, inputs.clusters, seed=inputs.seed)
        notes: tuple[str, ...] = ()
        if min(generated.n, real.n) < 5 * generated.d:
            notes = (
                f"{self.name}: {generated.n} pictures against {real.n} reference pictures in {generated.d} "
                f"dimensions, so the value holds a large bias from the small numbers; compare it only with "
                f"values at the same numbers",
            )
        return Estimate(value, interval, notes)

    def of_subsets(self, inputs: Inputs) -> Callable[[Places], float]:
        """Distances of parts of the pictures to the same reference. Raises ValueError as `whole_set`."""
        generated, _ = self._sides(inputs)
        everything = np.arange(generated.n)
        return lambda places: generated.distance(np.setdiff1d(everything, places))

    def _sides(self, inputs: Inputs) -> tuple[Generated, Reference]:
        real = self.fitted(inputs)
        return Generated(self.generated_rows(inputs), real), real
