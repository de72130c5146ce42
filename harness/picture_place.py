"""Where a run's pictures go: its own folder, or a place behind an fsspec URL that all workers reach.

A place is plain data, so it can be sent to workers on other machines.
"""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from drawbench.errors import InputError
from harness.atomic import write_together, writing_to

IMAGES_NAME = "images"


def picture_path(prompt_id: str, index: int) -> str:
    """Where a sample's picture lies, relative to the run folder."""
    return f"{IMAGES_NAME}/{prompt_id}/{index}.png"


class PicturePlace(Protocol):
    """Keeps pictures under paths as `picture_path` gives them."""

    def make(self) -> None:
        """Makes the place where there is none; for the process that begins. Raises OSError or InputError."""
        ...

    def check(self) -> None:
        """Raises InputError where this process cannot reach the place."""
        ...

    def held(self) -> frozenset[str]:
        """The paths of all pictures that are there. Raises OSError or InputError where it cannot list."""
        ...

    def write(self, pictures: Sequence[tuple[str, bytes]]) -> None:
        """Stores (path, bytes) pairs, each whole or not at all. Raises InputError where it cannot."""
        ...

    def read(self, path: str) -> bytes:
        """A picture's bytes. Raises OSError where there is none, or it cannot be read."""
        ...


@dataclass(frozen=True)
class FolderPlace:
    """A run folder, on a disk that every worker sees. `folder` is absolute."""

    folder: Path

    def __str__(self) -> str:
        return str(self.folder)

    def make(self) -> None:
        """See `PicturePlace`."""
        self.folder.mkdir(parents=True, exist_ok=True)

    def check(self) -> None:
        """Raises InputError where the run folder is not there: it was made before any worker began."""
        if not self.folder.is_dir():
            raise InputError(
                f"a worker on {socket.gethostname()} does not see {self.folder}: put --out on a disk "
                "that all machines share, or have the pictures written to a URL with --images-to"
            )

    def write(self, pictures: Sequence[tuple[str, bytes]]) -> None:
        """See `PicturePlace`. The bytes are on the disk on return."""
        prefix = f"{IMAGES_NAME}/"
        named = [(path.removeprefix(prefix), data) for path, data in pictures]
        with writing_to(self.folder):
            write_together(self.folder / IMAGES_NAME, named)

    def held(self) -> frozenset[str]:
        """See `PicturePlace`."""
        return frozenset(f"{IMAGES_NAME}/{found}" for found in _files_in_folders(self.folder / IMAGES_NAME))

    def read(self, path: str) -> bytes:
        """See `PicturePlace`."""
        return (self.folder / path).read_bytes()


@dataclass(frozen=True)
class UrlPlace:
    """A folder behind an fsspec URL, such as s3://bucket/folder. `url` has no final slash."""

    url: str

    def __str__(self) -> str:
        return self.url

    def make(self) -> None:
        """Object stores have no folders to make; only the URL is checked."""
        self.check()

    def check(self) -> None:
        """Raises InputError where the URL's scheme is unknown or its package is missing."""
        self._system()

    def write(self, pictures: Sequence[tuple[str, bytes]]) -> None:
        """See `PicturePlace`. Object stores take each picture whole or not at all."""
        if not pictures:
            return
        system, root = self._system()
        try:
            system.pipe({f"{root}/{path}": data for path, data in pictures})
        except Exception as error:  # each store has errors of its own
            raise InputError(f"cannot write to {self.url}: {_first_line(error)}") from error

    def read(self, path: str) -> bytes:
        system, root = self._system()
        try:
            data: bytes = system.cat_file(f"{root}/{path}")
        except OSError:
            raise
        except Exception as error:
            raise OSError(f"{self.url}/{path}: {_first_line(error)}") from error
        return data

    def held(self) -> frozenset[str]:
        """See `PicturePlace`."""
        system, root = self._system()
        try:
            system.invalidate_cache()
            found: Iterable[str] = system.find(f"{root}/{IMAGES_NAME}")
        except FileNotFoundError:
            return frozenset()
        except Exception as error:
            raise InputError(f"cannot list {self.url}: {_first_line(error)}") from error
        before = f"{root.lstrip('/')}/"
        return frozenset(name.partition(before)[2] for name in found)

    def _system(self) -> tuple[Any, str]:
        from fsspec.core import url_to_fs  # type: ignore[import-untyped]

        try:
            system, root = url_to_fs(self.url)
        except Exception as error:
            raise InputError(f"--images-to {self.url}: {_first_line(error)}") from error
        return system, str(root).rstrip("/")


def place_for(run_dir: Path, images_to: str | None) -> PicturePlace:
    """The run folder, or a folder of its name under the URL `images_to`.

    Raises InputError where that is no URL, or this machine cannot reach it.
    """
    if images_to is None:
        return FolderPlace(run_dir.absolute())
    scheme, mark, rest = images_to.partition("://")
    if not mark or not scheme or not rest:
        raise InputError(f"--images-to {images_to!r} is no URL such as s3://bucket/folder")
    if scheme in ("file", "local"):  # fsspec's own writing of local files leaves torn ones behind
        return FolderPlace(Path(rest).absolute() / run_dir.name)
    place = UrlPlace(f"{images_to.rstrip('/')}/{run_dir.name}")
    place.check()
    return place


def _files_in_folders(folder: Path) -> Iterator[str]:
    """`inner/name` of each file in the folders directly in `folder`, hidden ones left out."""
    if not folder.is_dir():
        return
    for inner in os.scandir(folder):
        if inner.is_dir() and not inner.name.startswith("."):
            for file in os.scandir(inner.path):
                if not file.name.startswith("."):
                    yield f"{inner.name}/{file.name}"


def content_hash(data: bytes) -> str:
    """sha256 of a picture's bytes, as in the ledger; hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _first_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
