"""The list in a folder of weights: which files belong to it, with size and sha256."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from drawbench.errors import InputError
from harness.atomic import write_atomic

LIST_NAME = "weights.json"
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file of a bundle: `sha256` hexadecimal, `size` in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class ListedAsset:
    """Weights of a bundle; `files` maps a file's name under `<asset id>/` to what it must be.

    `published_sha256` tells whether the hash of the weights themselves is their publisher's.
    """

    title: str
    licence: str
    published_sha256: bool
    files: dict[str, ListedFile] = field(default_factory=dict)


def read_listing(folder: Path) -> dict[str, ListedAsset] | None:
    """Asset id -> what lies in `folder`; None where the folder has no list.

    Raises InputError for a list that cannot be understood.
    """
    path = folder / LIST_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}; make the bundle again") from None
    try:
        document = json.loads(text)
        if document["schema"] != SCHEMA:
            raise InputError(f"{path} has schema {document['schema']}, this version reads {SCHEMA}")
        return {str(id_): _asset(entry) for id_, entry in document["weights"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{path} is no list of weights; make the bundle again") from None


def write_listing(folder: Path, listing: dict[str, ListedAsset]) -> None:
    """Writes the list, whole or not at all. Raises OSError."""
    document = {"schema": SCHEMA, "weights": {id_: asdict(listing[id_]) for id_ in sorted(listing)}}
    write_atomic(folder / LIST_NAME, (json.dumps(document, indent=1) + "\n").encode())


def listed_sha256(folder: Path, asset_id: str, path: Path) -> str | None:
    """What the list in `folder` says `path` must be, if there is a list and `path` is in it."""
    if path.parent != folder / asset_id:
        return None
    entry = (read_listing(folder) or {}).get(asset_id)
    listed = entry.files.get(path.name) if entry else None
    return listed.sha256 if listed else None


def _asset(entry: Any) -> ListedAsset:
    files = {str(n): ListedFile(str(f["sha256"]), int(f["size"])) for n, f in entry["files"].items()}
    return ListedAsset(str(entry["title"]), str(entry["licence"]), bool(entry["published_sha256"]), files)
