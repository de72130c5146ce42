"""Copies weights into one folder that makes another machine work offline, and checks such folders."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from drawbench.errors import InputError
from harness.assets import Asset
from harness.atomic import write_atomic
from harness.weights.hashes import file_sha256, read_sha256
from harness.weights.listing import LIST_NAME, ListedAsset, ListedFile, read_listing, write_listing
from harness.weights.search import FoundWeights, WeightsPolicy, locate

LICENCES_NAME = "LICENCES.txt"
_CHUNK = 1 << 20

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Bundled:
    """What a bundle came to: ids of assets `copied`, those that were `there` already, and `missing` ones."""

    copied: tuple[str, ...]
    there: tuple[str, ...]
    missing: tuple[str, ...]


def make_bundle(
    folder: Path, assets: Iterable[Asset], policy: WeightsPolicy, progress: Progress | None = None
) -> Bundled:
    """Copies the assets that are on this machine to `folder`/<asset id>/, with a list and their licences.

    Each file is there whole or not at all, is read again after it was written, and is left alone where it is
    right already, so a bundle that broke off is finished by the same call. The list keeps what earlier calls
    put into the folder. `progress(what, done, total)` counts bytes. Raises InputError for weights that are
    not what they should be, and OSError where a file cannot be read or written.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is not a folder; give the folder that the weights go to")
    found = {asset.id: locate(asset, policy) for asset in assets}
    listing = read_listing(folder) or {} if folder.exists() else {}
    copied: list[str] = []
    there: list[str] = []
    for id_, weights in found.items():
        if weights is None:
            continue
        entry = _entry(weights)
        (copied if _put(weights, entry, folder / id_, progress) else there).append(id_)
        listing[id_] = entry
        write_listing(folder, listing)
        write_atomic(folder / LICENCES_NAME, _licences(listing).encode())
    return Bundled(tuple(copied), tuple(there), tuple(id_ for id_, weights in found.items() if not weights))


def check_bundle(folder: Path, progress: Callable[[str, int, int], None] | None = None) -> dict[str, str]:
    """Reads every listed file again: "<asset id>/<file>" -> "ok", "missing" or what is wrong with it.

    Raises InputError where `folder` has no list.
    """
    listing = read_listing(folder)
    if listing is None:
        raise InputError(f"{folder} has no {LIST_NAME}: it is no bundle of weights")
    listed = [(f"{id_}/{n}", file) for id_, entry in listing.items() for n, file in entry.files.items()]
    states = {}
    for number, (place, file) in enumerate(listed, start=1):
        states[place] = _state(folder / place, file)
        if progress:
            progress("reading weights", number, len(listed))
    return states


def _state(path: Path, file: ListedFile) -> str:
    try:
        size = path.stat().st_size
        if size != file.size:
            return f"damaged: {size} bytes, not {file.size}"
        actual = read_sha256(path)
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    return "ok" if actual == file.sha256 else f"damaged: sha256 {actual}, not {file.sha256}"


def _entry(weights: FoundWeights) -> ListedAsset:
    asset = weights.asset
    files = {path.name: ListedFile(file_sha256(path), path.stat().st_size) for path in weights.all_files}
    return ListedAsset(asset.title, asset.licence, weights.file.sha256 is not None, files)


def _put(weights: FoundWeights, entry: ListedAsset, folder: Path, progress: Progress | None) -> bool:
    """Whether anything had to be copied."""
    changed = False
    for source in weights.all_files:
        target, listed = folder / source.name, entry.files[source.name]
        if target.exists() and (target.samefile(source) or _state(target, listed) == "ok"):
            continue
        folder.mkdir(parents=True, exist_ok=True)
        _copy(source, target, listed, progress)
        changed = True
    return changed


def _copy(source: Path, target: Path, listed: ListedFile, progress: Progress | None) -> None:
    part = target.with_name(f".{target.name}.copy.part")
    try:
        with source.open("rb") as reading, part.open("wb") as writing:
            while chunk := reading.read(_CHUNK):
                writing.write(chunk)
                if progress:
                    progress(f"copy {target.parent.name}/{target.name}", writing.tell(), listed.size)
            writing.flush()
            os.fsync(writing.fileno())
        if (state := _state(part, listed)) != "ok":
            raise OSError(f"{target}: the copy is {state}")
        shutil.copymode(source, part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _licences(listing: dict[str, ListedAsset]) -> str:
    rows = [f"{id_}: {listing[id_].title}. Licence: {listing[id_].licence}" for id_ in sorted(listing)]
    return "Weights in this folder and their licences\n\n" + "\n".join(rows) + "\n"
