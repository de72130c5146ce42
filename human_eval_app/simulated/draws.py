"""Random numbers that are functions of a seed and of names, in whatever order they are asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from statistics import NormalDist
from typing import TypeVar

_STANDARD = NormalDist()
_Thing = TypeVar("_Thing")


def uniform(seed: int, *names: object) -> float:
    """A number in (0, 1), never 0 or 1, that depends on `seed` and `names` alone."""
    text = "\x1f".join(str(name) for name in (seed, *names))
    bits = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 11
    return (bits + 0.5) / 2**53


def normal(seed: int, *names: object) -> float:
    """A draw from the normal distribution with mean 0 and standard deviation 1."""
    return _STANDARD.inv_cdf(uniform(seed, *names))


def pick(things: Sequence[_Thing], seed: int, *names: object) -> _Thing:
    """One of `things`, each as likely as the other; raises IndexError where there are none."""
    return things[int(uniform(seed, *names) * len(things))]
