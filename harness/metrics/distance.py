"""Fréchet distances as metrics: FID and its stand-in on other features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drawbench.errors import InputError
from harness.metrics.base import Estimate, Inputs, ReferenceFeatures
from harness.metrics.frechet import Generated, Reference, jackknife_interval
from harness.types import Direction


@dataclass(frozen=True)
class FrechetMetric:
    """Fréchet distance between the pictures' features and those of the reference pictures.

    `columns` (start, stop) cuts the part of the extractor's vector that is compared, None takes it all.
    Lower is better; 0 is the least.
    """

    name: str
    extractor: str
    columns: tuple[int, int] | None = None
    direction: Direction = "lower"
    text_extractors: tuple[str, ...] = ()
    needs_reference: bool = True
    bounds: tuple[float, float] | None = None

    @property
    def image_extractors(self) -> tuple[str, ...]:
        """The one extractor that is needed."""
        return (self.extractor,)

    def identity(self, inputs: Inputs) -> str:
        """`name[extractor|reference|ref_n=..|file type]`."""
        reference = _reference(inputs, self.name)
        parts = (
            inputs.identities[self.extractor],
            reference.identity,
            f"ref_n={reference.n or 'unknown'}",
            inputs.file_type,
        )
        return f"{self.name}[{'|'.join(parts)}]"

    def whole_set(self, inputs: Inputs) -> Estimate:
        """The distance and its jackknife interval. Raises ValueError below 2 pictures on either side."""
        reference = _reference(inputs, self.name)
        part = slice(*(self.columns or (None, None)))
        real = _fitted(reference, self.extractor, part)
        generated = Generated(np.asarray(inputs.features[self.extractor])[:, part], real)
        value, interval = jackknife_interval(generated, inputs.clusters, seed=inputs.seed)
        notes: tuple[str, ...] = ()
        if min(generated.n, real.n) < 5 * generated.d:
            notes = (
                f"{self.name}: {generated.n} pictures against {real.n} reference pictures in {generated.d} "
                f"dimensions, so the value holds a large bias from the small numbers; compare it only with "
                f"values at the same numbers",
            )
        return Estimate(value, interval, notes)


def _fitted(reference: ReferenceFeatures, extractor: str, part: slice) -> Reference:
    moments = reference.moments.get(extractor)
    if moments is None:
        return Reference.of(np.asarray(reference.features[extractor])[:, part])
    return Reference(moments.n, moments.mean[part], moments.covariance[part, part])


def _reference(inputs: Inputs, name: str) -> ReferenceFeatures:
    if inputs.reference is None:
        raise InputError(
            f"metric {name} needs reference pictures; give --reference FOLDER or --reference scenes"
        )
    return inputs.reference
