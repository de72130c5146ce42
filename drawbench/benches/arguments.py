"""Refusing what a bench has no use for: an option that does nothing must not be passed over in silence."""

from __future__ import annotations

from collections.abc import Sequence

from drawbench.errors import InputError
from drawbench.options import BenchOptions

_REASONS = {
    "prompts": "takes no prompt file; use the bench file:PATH for prompts of your own",
    "data_dir": "has no data folder",
    "n": "has a fixed list of prompts; use --limit to run fewer of them",
}


def refuse(name: str, *, argument: str, options: BenchOptions | None, unused: Sequence[str]) -> None:
    """Raises InputError if an argument or one of the `unused` options is given to the bench `name`."""
    if argument:
        raise InputError(f"bench {name} takes no argument, but was given {argument!r}; write only {name}")
    for option in unused:
        if options is not None and getattr(options, option) is not None:
            raise InputError(f"bench {name} {_REASONS[option]}")
