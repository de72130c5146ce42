"""The picture files of a folder: which they are, in which order, and how to name them to people."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from drawbench.errors import InputError

PICTURE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".jp2"}
)


def picture_files(folder: Path, what: str = "folder") -> list[Path]:
    """Every picture under `folder`, at any depth, sorted by its path inside; hidden ones are left out.

    A link that leads nowhere or round in a circle counts as a picture, which then cannot be read; links to
    folders are not followed. `what` names the folder in errors. Raises InputError where it is missing,
    cannot be listed or holds no pictures.
    """
    if not folder.is_dir():
        raise InputError(f"{what} {shown(folder)} is not a folder")
    names: list[str] = []
    for parent, inner, files in os.walk(folder, onerror=_refuse):
        inner[:] = [name for name in inner if not name.startswith(".")]
        at = Path(parent)
        for name in files:
            path = at / name
            if path.suffix.lower() in PICTURE_SUFFIXES and not name.startswith(".") and _is_file(path):
                names.append(path.relative_to(folder).as_posix())
    if not names:
        kinds = ", ".join(sorted(PICTURE_SUFFIXES))
        raise InputError(f"{what} {shown(folder)} holds no pictures ({kinds})")
    return [folder / name for name in sorted(names)]


def listed_files(folder: Path, names_file: Path) -> list[Path]:
    """The pictures whose paths inside `folder` stand in a text file, one a line, in its order.

    Empty lines are passed over. Raises InputError where the list cannot be read, names nothing, names a file
    twice or one that is not in the folder.
    """
    try:
        lines = os.fsdecode(names_file.read_bytes()).splitlines()
    except OSError as error:
        raise InputError(f"--list {shown(names_file)} cannot be read: {error.strerror}") from None
    names = [line.strip() for line in lines if line.strip()]
    if not names:
        raise InputError(f"--list {shown(names_file)} names no picture")
    twice, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise InputError(f"--list {shown(names_file)} names {shown(twice)} twice")
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise InputError(
            f"{len(missing)} of the {len(names)} pictures that {shown(names_file)} names are not in "
            f"{shown(folder)} (first: {shown(missing[0])})"
        )
    return [folder / name for name in names]


def drawn(files: Sequence[Path], n: int | None, seed: int) -> list[Path]:
    """`n` of the files drawn with `seed`, in their order; all of them where there are no more."""
    if n is None or n >= len(files):
        return list(files)
    places = np.random.default_rng(seed).choice(len(files), size=n, replace=False)
    return [files[place] for place in sorted(places)]


def shown(path: Path | str) -> str:
    """A path as text that can be printed and written as UTF-8, whatever bytes its name has."""
    return os.fsencode(path).decode("utf-8", "replace")


def _is_file(path: Path) -> bool:
    """Whether it can be read like a file, or is a broken link; not a pipe, on which reading would wait."""
    return path.is_file() or (path.is_symlink() and not path.exists())


def _refuse(error: OSError) -> None:
    raise InputError(f"{shown(error.filename)} cannot be listed: {error.strerror}")
