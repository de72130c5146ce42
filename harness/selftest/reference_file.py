"""The committed reference values of the self-test."""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drawbench.errors import InputError

FILE = "selftest.npz"


def reference_path() -> Path:
    """Where the installed package keeps it."""
    return Path(str(resources.files("harness") / "data" / FILE))


@cache
def reference_values() -> dict[str, NDArray[Any]]:
    """Name -> array, all of them. Raises InputError where the file is not there or damaged."""
    path = reference_path()
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise InputError(f"{path} cannot be read: {error}; install the package again") from None
