"""Precision and recall (Kynkaanniemi et al. 2019), density and coverage (Naeem et al. 2020).

Each set's manifold is the union of balls around its pictures, up to the k-th nearest other picture of the
set; the edge belongs to the ball.
    precision: the share of generated pictures in the reference's manifold;
    recall: the share of reference pictures in the generated manifold;
    density: how many reference balls hold a generated picture, over k, on average;
    coverage: the share of reference balls that hold a generated picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeVar
from weakref import WeakKeyDictionary, ref

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from harness.metrics.base import Estimate, Inputs
from harness.metrics.jackknife import Labels
from harness.metrics.manifold_intervals import (
    Halves,
    coverage_variance,
    recall_variance,
    share_interval,
    share_variance,
)
from harness.metrics.manifold_parts import ManifoldParts
from harness.metrics.neighbours import nearest, squared_distances, wide_parts
from harness.metrics.sides import OnFeatures
from harness.moments import Matrix
from harness.rows import Places, Rows, as_rows
from harness.stats import Interval, cluster_mean_interval
from harness.types import Direction

Quantity = Literal["precision", "recall", "density", "coverage"]
GIVEN = "given the reference"
T = TypeVar("T")


@dataclass(frozen=True)
class Manifolds:
    """What the balls of two sets hold.

    `inside` (n,) counts the reference balls that hold each generated picture; `covered` (m,) says whether a
    reference picture's ball holds a generated one, `recalled` (m,) whether a generated ball holds it. `hits`
    (C, m) says which prompts have pictures in a reference ball. `recalls` (splits, 2) is the recall of halves
    of the prompts, without rows where prompts are too few.
    """

    inside: NDArray[np.intp]
    covered: NDArray[np.bool_]
    recalled: NDArray[np.bool_]
    hits: sparse.csr_array
    recalls: Matrix


@dataclass(frozen=True, kw_only=True)
class ManifoldMetric(OnFeatures):
    """Precision, recall, density or coverage with k nearest neighbours. Higher is better."""

    quantity: Quantity
    k: int
    direction: Direction = "higher"

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"k must be at least 1, got {self.k}")

    def protocol(self) -> tuple[str, ...]:
        """See OnFeatures."""
        return (f"k={self.k}",)

    def whole_set(self, inputs: Inputs) -> Estimate:
        """The share or density and its interval. Raises ValueError below k + 1 pictures on either side."""
        rows, real = self.generated_rows(inputs), self.reference_rows(inputs)
        key = (self.extractor, self.part, self.k, inputs.seed, inputs.clusters.tobytes())
        made = partial(manifolds, rows, real, self.k, inputs.clusters, seed=inputs.seed)
        found = _once(_MANIFOLDS, key, self._tables(inputs), made)
        value, interval = estimate(self.quantity, found, self.k, inputs.clusters)
        notes: tuple[str, ...] = ()
        if self.quantity in ("recall", "coverage") and len(rows) != len(real):
            notes = (
                f"{self.name} grows with the number of pictures: {len(rows)} against {len(real)} reference "
                f"pictures; compare it only with values at the same numbers",
            )
        return Estimate(value, interval, notes)

    def of_subsets(self, inputs: Inputs) -> Callable[[Places], float]:
        """See OfSubsets. Raises ValueError as `whole_set`."""
        rows, real = self.generated_rows(inputs), self.reference_rows(inputs)
        key = (self.extractor, self.part, self.k)
        parts = _once(_PARTS, key, self._tables(inputs), partial(ManifoldParts.of, rows, real, self.k))
        of_quantity: dict[Quantity, Callable[[Places], float]] = {
            "precision": parts.precision,
            "recall": partial(parts.recall, rows, real),
            "density": parts.density,
            "coverage": parts.coverage,
        }
        return of_quantity[self.quantity]

    def _tables(self, inputs: Inputs) -> tuple[Rows, Rows]:
        return inputs.features[self.extractor], self.reference(inputs).features[self.extractor]


def manifolds(
    generated: Rows, reference: Rows, k: int, clusters: Labels, *, seed: int = 0, splits: int | None = None
) -> Manifolds:
    """Balls of both sets in one pass over all distances; `clusters` (n,) numbers each generated row's prompt.

    `splits` random halvings (`seed`) of the prompts are made for the uncertainty of recall: 50, and 12 where
    there are many pictures. Raises ValueError below k + 1 pictures on either side.
    """
    n, m = len(generated), len(reference)
    labels = np.unique(np.asarray(clusters), return_inverse=True)[1].reshape(-1)
    prompts = int(labels.max(initial=-1)) + 1
    reference_radii = nearest(reference, k)[1][:, -1]
    wanted = splits if splits is not None else 50 if n * m <= 10**8 else 12
    halves = Halves.of(generated, k, labels, wanted, seed)
    inside = np.zeros(n, dtype=np.intp)
    covered, recalled = np.zeros(m, dtype=bool), np.zeros(m, dtype=bool)
    reached = np.zeros((len(halves.radii), 2, m), dtype=bool)
    pairs: list[NDArray[np.intp]] = []
    for there, real in wide_parts(reference):
        for here, part in wide_parts(generated):
            squares = squared_distances(part, real)
            held = squares <= reference_radii[there]
            inside[here] += held.sum(1)
            covered[there] |= held.any(0)
            row, column = np.nonzero(held)
            pairs.append(np.unique(labels[here[row]] * m + there[column]))
            recalled[there] |= (squares <= halves.whole[here][:, None]).any(0)
            halves.reach(squares, here, there, reached)
    hit = np.unique(np.concatenate(pairs))
    hits = sparse.csr_array((np.ones(hit.size), (hit // m, hit % m)), shape=(prompts, m))
    return Manifolds(inside, covered, recalled, hits, reached.mean(2))


def estimate(quantity: Quantity, found: Manifolds, k: int, clusters: Labels) -> tuple[float, Interval]:
    """One number of two sets' balls and its 95% interval over prompts, given the reference."""
    prompts, m = found.hits.shape
    if quantity == "density":
        if not found.inside.any():
            return 0.0, Interval(np.nan, np.nan, "no ball holds a picture: no interval can be estimated")
        value, interval = cluster_mean_interval(found.inside / k, clusters)
        return value, Interval(max(0.0, interval.low), interval.high, f"{interval.method}, {GIVEN}")
    if quantity == "precision":
        held = (found.inside > 0).astype(np.float64)
        variance = share_variance(held, clusters)
        return share_interval(float(held.mean()), variance, prompts, prompts, f"prompts' sums, {GIVEN}")
    if quantity == "coverage":
        value = float(found.covered.mean())
        how = f"shares of hits that balls would keep, {GIVEN}"
        return share_interval(value, coverage_variance(found.hits), prompts, min(prompts, m), how)
    how = f"{len(found.recalls)} splits into halves, {GIVEN}"
    value = float(found.recalled.mean())
    return share_interval(value, recall_variance(found.recalls), prompts, min(prompts, m), how)


_Known = WeakKeyDictionary[Rows, dict[tuple[object, ...], tuple[ref[Rows], T]]]
_MANIFOLDS: _Known[Manifolds] = WeakKeyDictionary()
_PARTS: _Known[ManifoldParts] = WeakKeyDictionary()


def _once(known: _Known[T], key: tuple[object, ...], tables: tuple[Rows, Rows], make: Callable[[], T]) -> T:
    """What `make` gives; the same again while both tables live, as four metrics ask about the same two."""
    generated, real = map(as_rows, tables)
    of_table = known.setdefault(generated, {})
    entry = of_table.get(key)
    if entry is None or entry[0]() is not real:
        entry = of_table[key] = (ref(real), make())
    return entry[1]
