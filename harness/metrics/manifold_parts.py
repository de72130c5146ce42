"""Precision, recall, density and coverage of parts of the generated pictures, all against one reference.

Which reference balls hold a picture does not depend on the other pictures. A picture's own ball does, and
grows with fewer of them: its nearest neighbours are listed in advance, with the reference pictures up to the
last of them, and searched for again only where a part leaves too few of the list.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.metrics.jackknife import Labels
from harness.metrics.neighbours import nearest, squared_distances, wide_parts
from harness.moments import Matrix
from harness.rows import Places, Rows, subset

MOST = 1024
"""Reference pictures that are kept for a ball; of a picture with more of them none are."""


@dataclass(frozen=True)
class _Pairs:
    """Generated and reference pictures that are near each other, one place a pair."""

    generated: Labels
    reference: Labels


@dataclass(frozen=True)
class ManifoldParts:
    """Two sets, prepared for parts of the first. `of` makes it; it does not keep their features.

    There are n generated and `references` reference pictures. `inside` (n,) counts the reference balls around
    each generated picture, `held` are these pairs. `listed` (n, c) are each picture's nearest others and
    `squares` (n, c) their squared distances; `near` pairs it with the reference pictures that are as near, at
    `near_squares`, unless it is `crowded` (n,).
    """

    k: int
    references: int
    inside: NDArray[np.intp]
    held: _Pairs
    listed: Labels
    squares: Matrix
    near: _Pairs
    near_squares: Matrix
    crowded: NDArray[np.bool_]

    @classmethod
    def of(cls, generated: Rows, reference: Rows, k: int) -> ManifoldParts:
        """Raises ValueError below k + 1 pictures on either side."""
        n = len(generated)
        radii = nearest(reference, k)[1][:, -1]
        listed, squares = nearest(generated, max(k, min(n - 1, 4 * k + 16)))
        inside, candidates = np.zeros(n, dtype=np.intp), np.zeros(n, dtype=np.intp)
        found: list[list[Labels]] = [[], [], [], []]
        distances: list[Matrix] = []
        for here, part in wide_parts(generated):
            for there, real in wide_parts(reference):
                block = squared_distances(part, real)
                held = block <= radii[there]
                inside[here] += held.sum(1)
                near = block <= squares[here, -1:]
                candidates[here] += near.sum(1)
                near &= (candidates[here] <= MOST)[:, None]
                for place, mask in ((0, held), (2, near)):
                    row, column = np.nonzero(mask)
                    found[place].append(here[row])
                    found[place + 1].append(there[column])
                distances.append(block[near])
        held_by, holding, near_to, beside = (np.concatenate(part) for part in found)
        return cls(
            k,
            len(reference),
            inside,
            _Pairs(held_by, holding),
            listed,
            squares,
            _Pairs(near_to, beside),
            np.concatenate(distances),
            candidates > MOST,
        )

    def precision(self, places: Places) -> float:
        """The share of the pictures at `places` in the reference's manifold."""
        return float((self.inside[self._checked(places)] > 0).mean())

    def density(self, places: Places) -> float:
        """How many reference balls hold a picture at `places`, over k, on average."""
        return float((self.inside[self._checked(places)] / self.k).mean())

    def coverage(self, places: Places) -> float:
        """The share of reference balls that hold one of the pictures at `places`."""
        covered = np.zeros(self.references, dtype=bool)
        covered[self.held.reference[self._members(places)[self.held.generated]]] = True
        return float(covered.mean())

    def recall(self, generated: Rows, reference: Rows, places: Places) -> float:
        """The share of reference pictures in the manifold of the pictures at `places` alone.

        `generated` and `reference` are the features that this was made of.
        """
        member = self._members(places)
        enough = np.cumsum(member[self.listed], axis=1) >= self.k
        radii = self.squares[np.arange(len(member)), enough.argmax(1)]
        known = member & enough[:, -1] & ~self.crowded
        row = self.near.generated
        recalled = np.zeros(self.references, dtype=bool)
        recalled[self.near.reference[known[row] & (self.near_squares <= radii[row])]] = True
        members = subset(generated, places)
        for _, part in wide_parts(subset(generated, np.flatnonzero(member & ~known))):
            best = np.full((len(part), self.k + 1), np.inf)  # each picture is among its own nearest
            for _, other in wide_parts(members):
                block = np.concatenate([best, squared_distances(part, other)], axis=1)
                best = np.partition(block, self.k, axis=1)[:, : self.k + 1]
            radii = best.max(1)
            for there, real in wide_parts(reference):
                recalled[there] |= (squared_distances(part, real) <= radii[:, None]).any(0)
        return float(recalled.mean())

    def _members(self, places: Places) -> NDArray[np.bool_]:
        member = np.zeros(self.inside.size, dtype=bool)
        member[self._checked(places)] = True
        return member

    def _checked(self, places: Places) -> Places:
        if places.size <= self.k:
            raise ValueError(
                f"{self.k} nearest neighbours need at least {self.k + 1} pictures, got {places.size}"
            )
        return places
