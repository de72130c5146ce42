"""A part of a run: every n-th of its samples, for schedulers that start n processes by number."""

from __future__ import annotations

import re
from dataclasses import dataclass

from drawbench.errors import InputError


@dataclass(frozen=True, slots=True)
class Shard:
    """Shard `number`, from 1, of `count`: the samples at the places number - 1, + count, + 2 count, ...

    So each shard gets its share of every category. Raises ValueError where there is no such shard.
    """

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise ValueError(f"no shard {self.number} of {self.count}")

    def size(self, samples: int) -> int:
        """How many of a run's samples are in this shard."""
        return len(range(self.number - 1, samples, self.count))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def parse_shard(text: str) -> Shard:
    """The shard that "2/8" names. Raises InputError on anything else."""
    found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text, re.ASCII)
    try:
        if found:
            return Shard(int(found[1]), int(found[2]))
    except ValueError:
        pass
    raise InputError(f"--shard {text!r}: give it as i/n, with i from 1 to n, such as 1/8")
