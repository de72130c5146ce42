"""A folder of real pictures as a reference, identified by its files' names and sizes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from drawbench.errors import InputError
from drawbench.prompt_files import quoted
from drawbench.types import Reference

PICTURE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


def picture_files(folder: Path) -> list[Path]:
    """The pictures directly in a folder, by suffix, sorted by name.

    Raises:
        InputError: it is no folder, or cannot be read.
    """
    try:
        return sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES and p.is_file())
    except OSError as error:
        raise InputError(f"{quoted(folder)}: cannot be listed: {error.strerror}") from None


def folder_reference(folder: Path, framing: str = "") -> Reference:
    """A reference of kind "folder". Its digest is the sha256 over the sorted names and sizes of the pictures.

    `framing` says what is done to each of them, as it follows a path behind --reference folder:, such as
    "size=256,crop=center".

    Raises:
        InputError: it is no folder, cannot be read or has no pictures.
    """
    listing = [[path.name, path.stat().st_size] for path in picture_files(folder)]
    if not listing:
        raise InputError(f"{quoted(folder)}: has no pictures ({', '.join(sorted(PICTURE_SUFFIXES))})")
    digest = hashlib.sha256(json.dumps(listing).encode()).hexdigest()
    location = f"folder:{folder},{framing}" if framing else str(folder)
    return Reference(kind="folder", location=location, digest=digest)
