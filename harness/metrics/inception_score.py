"""Inception Score (Salimans et al. 2016) as torch-fidelity computes it, also of another classifier."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.metrics.base import Estimate, Inputs
from harness.metrics.jackknife import Deal, Labels, leave_out_interval, no_interval
from harness.metrics.sides import OnFeatures
from harness.moments import Matrix
from harness.rows import CHUNK, Places, Rows, subset
from harness.stats import Interval
from harness.types import Direction

Outputs = Literal["logits", "probabilities"]
_GROUPS = 50


@dataclass(frozen=True, kw_only=True)
class InceptionScore(OnFeatures):
    """exp of the mean KL divergence of a picture's class probabilities from those of its split, over splits.

    Pictures are shuffled by `rng_seed` and cut into `splits` parts, whose scores are averaged. `outputs` says
    what the columns hold. Higher is better: from 1 to the number of classes. It looks at no prompt and no
    reference, grows with the number of pictures, and says little away from ImageNet's classes.
    """

    summary: str = "Inception Score: sharp and varied class predictions, torch-fidelity's 10 splits."
    direction: Direction = "higher"
    needs_reference: bool = False
    needs_reference_rows: bool = False
    outputs: Outputs = "logits"
    splits: int = 10
    rng_seed: int = 2020

    def __post_init__(self) -> None:
        if self.splits < 1:
            raise ValueError(f"{self.splits} splits are none")

    def protocol(self) -> tuple[str, ...]:
        """See OnFeatures."""
        return (f"splits={self.splits}", f"seed={self.rng_seed}")

    def whole_set(self, inputs: Inputs) -> Estimate:
        """The mean over splits and its interval. Raises ValueError below two pictures a split."""
        rows = self.generated_rows(inputs)
        value, interval = inception_score(
            rows, inputs.clusters, self.outputs, self.splits, self.rng_seed, seed=inputs.seed
        )
        n, classes = rows.shape
        notes: tuple[str, ...] = ()
        if n // self.splits < 5 * classes:
            notes = (
                f"{self.name}: {n // self.splits} pictures a split for {classes} classes, so the value is "
                f"too low by a large bias; compare it only with values at the same numbers",
            )
        return Estimate(value, interval, notes)

    def of_subsets(self, inputs: Inputs) -> Callable[[Places], float]:
        """See OfSubsets: the pictures of a part are shuffled and split anew. Raises ValueError as above."""
        rows = self.generated_rows(inputs)

        def value(places: Places) -> float:
            split = _splits(places.size, self.splits, self.rng_seed)
            return _score(*_sums(subset(rows, places), split, self.splits, self.outputs))

        return value


def inception_score(
    rows: Rows,
    clusters: Labels,
    outputs: Outputs = "logits",
    splits: int = 10,
    rng_seed: int = 2020,
    *,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, Interval]:
    """Mean score over splits of class outputs (n, K), and its jackknife interval over prompts.

    One pass, memory independent of n. Prompts are dealt into at most 50 groups by `seed`; without a group,
    each split is what is left of it. Raises ValueError below two pictures a split.
    """
    n, classes = rows.shape
    split = _splits(n, splits, rng_seed)
    deal = Deal.of(clusters, _GROUPS, seed)
    shape = (splits, deal.groups)
    counts, negentropies, sums = _sums(rows, split * deal.groups + deal.of_row, splits * deal.groups, outputs)
    by_split = counts.reshape(shape), negentropies.reshape(shape), sums.reshape(*shape, classes)
    whole = [part.sum(1) for part in by_split]
    value = _score(*whole)
    left = whole[0][:, None] - by_split[0]
    if deal.groups < 2 or left.min() < 1:
        return value, no_interval()
    without = [
        _score(*(total - part[:, group] for total, part in zip(whole, by_split, strict=True)))
        for group in range(deal.groups)
    ]
    return value, leave_out_interval(value, without, deal.prompts, level=level, bounds=(1.0, float(classes)))


def _splits(n: int, splits: int, rng_seed: int) -> Labels:
    """The split of each of n pictures, (n,). Raises ValueError below two pictures a split."""
    if n < 2 * splits:
        raise ValueError(f"a score over {splits} splits needs at least {2 * splits} pictures, got {n}")
    split = np.empty(n, dtype=np.intp)
    shuffled = np.random.RandomState(rng_seed).permutation(n)  # torch-fidelity's generator
    for i in range(splits):
        split[shuffled[i * n // splits : (i + 1) * n // splits]] = i
    return split


def _sums(rows: Rows, cells: Labels, count: int, outputs: Outputs) -> tuple[Labels, Matrix, Matrix]:
    """For each of `count` cells (`cells`, (n,)): its pictures, sum of p log p, and sum of p, (count, K)."""
    n, classes = rows.shape
    sums, negentropies = np.zeros((count, classes)), np.zeros(count)
    for start in range(0, n, CHUNK):
        places = np.arange(start, min(start + CHUNK, n))
        p, log_p = _probabilities(rows.take(places).astype(np.float64), outputs)
        np.add.at(sums, cells[places], p)
        negentropies += np.bincount(cells[places], (p * log_p).sum(1), count)
    return np.bincount(cells, minlength=count), negentropies, sums


def _score(counts: Labels, negentropies: Matrix, sums: Matrix) -> float:
    """Mean over splits of exp(mean of sum p log p, less sum q log q), q the mean of p."""
    q = np.maximum(sums / counts[:, None], 0.0)
    log_q = np.log(q, out=np.zeros_like(q), where=q > 0)
    return float(np.exp(negentropies / counts - (q * log_q).sum(1)).mean())


def _probabilities(outputs: Matrix, kind: Outputs) -> tuple[Matrix, Matrix]:
    """Probabilities (n, K) and their logarithms, 0 where the probability is."""
    if not np.isfinite(outputs).all():
        raise ValueError("class outputs hold NaN or infinity")
    if kind == "probabilities":
        return outputs, np.log(outputs, out=np.zeros_like(outputs), where=outputs > 0)
    shifted = outputs - outputs.max(1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return np.exp(log_p), log_p
