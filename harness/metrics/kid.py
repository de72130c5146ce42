"""Kernel Inception Distance (Binkowski et al. 2018): over all pictures, and as torch-fidelity reports it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from harness.metrics.base import Estimate, Inputs
from harness.metrics.jackknife import Deal, Labels, leave_out_interval, no_interval
from harness.metrics.mmd import mmd, mmd_of_subsets, polynomial_kernel
from harness.metrics.sides import OnFeatures
from harness.moments import Matrix
from harness.rows import Places, Rows
from harness.stats import Interval

_GROUPS = 50


@dataclass(frozen=True, kw_only=True)
class KidMetric(OnFeatures):
    """Kernel Inception Distance: unbiased squared MMD with the kernel (x.y/d + 1)^3, over all pictures.

    Its mean does not depend on the number of pictures. Lower is better; near 0 it may be negative.
    """

    summary: str = "Kernel Inception Distance, unbiased, over all pictures (no factor)."

    def protocol(self) -> tuple[str, ...]:
        """See OnFeatures."""
        return ("poly3", "unbiased", "all")

    def whole_set(self, inputs: Inputs) -> Estimate:
        """The distance and its interval. Raises ValueError below 2 pictures on either side."""
        rows, real = self.generated_rows(inputs), self.reference_rows(inputs)
        return Estimate(*mmd(rows, real, polynomial_kernel, inputs.clusters))

    def of_subsets(self, inputs: Inputs) -> Callable[[Places], float]:
        """See OfSubsets. Raises ValueError as `whole_set`."""
        return mmd_of_subsets(self.generated_rows(inputs), self.reference_rows(inputs), polynomial_kernel)


@dataclass(frozen=True, kw_only=True)
class KidSubsetsMetric(OnFeatures):
    """KID as torch-fidelity reports it: the mean over random subsets of both sides.

    `subsets` draws of `size` pictures without replacement, by `rng_seed`. The mean is that of `KidMetric`
    with some noise added; it is there to be compared with published numbers.
    """

    summary: str = "KID as torch-fidelity reports it: the mean over 100 subsets of 1000 pictures."
    subsets: int = 100
    size: int = 1000
    rng_seed: int = 2020

    def __post_init__(self) -> None:
        if self.subsets < 1 or self.size < 2:
            raise ValueError(f"{self.subsets} subsets of {self.size} pictures are no protocol")

    def protocol(self) -> tuple[str, ...]:
        """See OnFeatures."""
        return ("poly3", "unbiased", f"subsets={self.subsets}x{self.size}", f"seed={self.rng_seed}")

    def whole_set(self, inputs: Inputs) -> Estimate:
        """The mean over subsets and its interval. Raises ValueError where a side is below `size`."""
        rows, real = self.generated_rows(inputs), self.reference_rows(inputs)
        value, interval = kid_over_subsets(
            rows, real, inputs.clusters, self.subsets, self.size, self.rng_seed, seed=inputs.seed
        )
        return Estimate(value, interval)


def kid_over_subsets(
    generated: Rows,
    reference: Rows,
    clusters: Labels,
    subsets: int,
    size: int,
    rng_seed: int,
    *,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, Interval]:
    """Mean unbiased MMD^2 over subsets, drawn as torch-fidelity draws them, and its jackknife interval.

    Prompts are dealt into 50 groups by `seed`; without a group, each subset is what is left of it. Raises
    ValueError where a side has fewer than `size` pictures.
    """
    n, m = len(generated), len(reference)
    if min(n, m) < size:
        raise ValueError(
            f"subsets of {size} pictures need as many on each side, got {n} and {m}; kid has no subsets"
        )
    deal = Deal.of(clusters, _GROUPS, seed)
    random = np.random.RandomState(rng_seed)  # torch-fidelity's generator, so that the subsets are its own
    values, without = np.empty(subsets), np.empty((subsets, deal.groups))
    for i in range(subsets):
        chosen = random.choice(n, size, replace=False)
        x = generated.take(chosen).astype(np.float64)
        y = reference.take(random.choice(m, size, replace=False)).astype(np.float64)
        values[i], without[i] = _with_and_without(x, y, deal.of_row[chosen], deal.groups)
    value = float(values.mean())
    if deal.groups < 2 or not np.isfinite(without).all():
        return value, no_interval()
    given = f"each of {subsets} subsets less the group, given the reference"
    return value, leave_out_interval(value, without.mean(0), deal.prompts, given=given, level=level)


def _with_and_without(x: Matrix, y: Matrix, group: Labels, groups: int) -> tuple[float, Matrix]:
    """The unbiased MMD^2 of x (n, d) and y (m, d), and those without each group of x, (groups,)."""
    n, m = len(x), len(y)
    own, theirs = polynomial_kernel(x, x), polynomial_kernel(y, y)
    np.fill_diagonal(own, 0.0)
    member = np.zeros((n, groups))
    member[np.arange(n), group] = 1.0
    with_group = own @ member
    total, gone = float(own.sum()), with_group.sum(0)
    inside = np.einsum("ng,ng->g", member, with_group)
    across = polynomial_kernel(x, y).sum(1) / m
    left = n - member.sum(0)
    kept = total - 2 * gone + inside
    near = across.sum() - across @ member
    constant = float(theirs.sum() - np.trace(theirs)) / (m * (m - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        without = np.where(left > 1, kept / (left * (left - 1)) - 2 * near / left + constant, np.nan)
    return total / (n * (n - 1)) - 2 * float(across.sum()) / n + constant, without
