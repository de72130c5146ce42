"""Tables of features that need not be in memory: what whole-set metrics read, in pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Places = NDArray[np.intp]
CHUNK = 2048


class Rows(Protocol):
    """Features (n, d) of n pictures in one order, float32.

    `numpy.asarray(rows)` gives them all; `take` and `chunks` give parts, so that a metric's memory need not
    grow with n.
    """

    @property
    def shape(self) -> tuple[int, int]:
        """(n, d)."""
        ...

    def __len__(self) -> int:
        """n."""
        ...

    def take(self, places: Places) -> Vectors:
        """The rows at these places, in that order, (len(places), d)."""
        ...

    def __getitem__(self, key: Any) -> Any:
        """As of an array: reads all rows into memory, for metrics that need no more care."""
        ...

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """All rows in memory."""
        ...


@dataclass(frozen=True, eq=False)
class LazyRows:
    """Rows that `fetch` gets from elsewhere, such as a cache on disk, each time they are asked for.

    `fetch(places)` gives float32 (len(places), d).
    """

    shape: tuple[int, int]
    fetch: Callable[[Places], Vectors]

    def __len__(self) -> int:
        return self.shape[0]

    def take(self, places: Places) -> Vectors:
        """See Rows."""
        return self.fetch(np.asarray(places, dtype=np.intp))

    def __getitem__(self, key: Any) -> Any:
        """See Rows."""
        return np.asarray(self)[key]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("rows on disk cannot be given without a copy")
        whole = self.fetch(np.arange(self.shape[0]))
        return whole if dtype is None else whole.astype(dtype, copy=False)


def as_rows(features: NDArray[Any] | Rows) -> Rows:
    """An array (n, d) as Rows; Rows as they are. Raises ValueError for another shape."""
    if not isinstance(features, np.ndarray):
        return features
    if features.ndim != 2:
        raise ValueError(f"features must be (n, d), got {features.shape}")
    whole = features
    return LazyRows((whole.shape[0], whole.shape[1]), lambda places: whole[places])


def columns(rows: Rows, start: int, stop: int) -> Rows:
    """The rows cut to columns start..stop."""
    n, d = rows.shape
    if not 0 <= start < stop <= d:
        raise ValueError(f"columns {start}..{stop} are not within 0..{d}")
    return LazyRows((n, stop - start), lambda places: rows.take(places)[:, start:stop])


def subset(rows: Rows, places: Places) -> Rows:
    """The rows at `places`, in that order, as Rows of their own."""
    chosen = np.asarray(places, dtype=np.intp)
    return LazyRows((chosen.size, rows.shape[1]), lambda inside: rows.take(chosen[inside]))


def chunks(rows: Rows, size: int = CHUNK) -> Iterator[Vectors]:
    """The rows in order, at most `size` at a time."""
    for start in range(0, len(rows), size):
        yield rows.take(np.arange(start, min(start + size, len(rows))))
