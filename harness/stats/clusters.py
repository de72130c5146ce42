"""Labels of clusters as numbers, and sums over clusters."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.float64]
Labels = NDArray[np.intp]


def paired_with(values: ArrayLike, clusters: ArrayLike) -> tuple[Numbers, Labels]:
    """Values (n, ...) as fp64 and clusters (n,) numbered 0..C-1 in order of first appearance.

    Raises ValueError on empty or unequal inputs.
    """
    x = np.asarray(values, dtype=np.float64)
    raw = np.asarray(clusters)
    if x.shape[:1] != raw.shape or x.shape[0] == 0:
        raise ValueError(f"need as many clusters as values and at least one, got {x.shape} and {raw.shape}")
    _, first, inverse = np.unique(raw, return_index=True, return_inverse=True)
    rank = np.empty(first.size, dtype=np.intp)
    rank[np.argsort(first)] = np.arange(first.size)
    return x, rank[inverse.reshape(-1)]


def members(labels: Labels) -> list[Labels]:
    """The places of each cluster's values, cluster by cluster."""
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.cumsum(np.bincount(labels))[:-1])


def cluster_sums(values: Numbers, labels: Labels) -> tuple[Numbers, Labels]:
    """Sum and number of the values (n,) of each cluster, both (C,)."""
    return np.bincount(labels, weights=values).astype(np.float64), np.bincount(labels)
