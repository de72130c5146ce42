"""What is written after a bench's name, and refusing what a bench has no use for."""

from __future__ import annotations

import re
from collections.abc import Sequence

from drawbench.errors import InputError
from drawbench.options import BenchOptions

_REASONS = {
    "prompts": "takes no prompt file; use the bench file:PATH for prompts of your own",
    "data_dir": "has no data folder",
    "n": "has a fixed list of prompts; use --limit to run fewer of them",
}


def draw_of(name: str, argument: str, options: BenchOptions) -> tuple[int | None, int, str]:
    """How many prompts to draw, the seed of the draw, and the rest of the argument.

    An argument is a list with commas, such as "n=500,seed=3"; what it says goes before `options`.

    Raises:
        InputError: options.n says another number than the argument, or a number is malformed.
    """
    rest, numbers = [], {}
    for part in argument.split(",") if argument else []:
        key, _, value = part.partition("=")
        if key not in ("n", "seed"):
            rest.append(part)
        elif not re.fullmatch(r"[0-9]{1,18}", value) or (key == "n" and int(value) < 1):
            raise InputError(f"bench {name}: {part!r} is no number; write such as {name}:n=500,seed=3")
        else:
            numbers[key] = int(value)
    n = numbers.get("n", options.n)
    if options.n is not None and n != options.n:
        raise InputError(f"bench {name} is to have {n} prompts by its name and {options.n} by an option")
    return n, numbers.get("seed", options.seed), ",".join(rest)


def refuse(name: str, *, argument: str, options: BenchOptions | None, unused: Sequence[str]) -> None:
    """Raises InputError if an argument or one of the `unused` options is given to the bench `name`."""
    if argument:
        raise InputError(f"bench {name} takes no argument, but was given {argument!r}; write only {name}")
    for option in unused:
        if options is not None and getattr(options, option) is not None:
            raise InputError(f"bench {name} {_REASONS[option]}")
