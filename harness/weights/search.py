"""Looks for weights and checks what it finds.

Where a file's sha256 is known, from its publisher or from the list in a bundle, it is checked before use, and
another file under the same name stops the work. Where none is known, the sha256 of the first use is written
down and `drawbench weights ls` shows it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from drawbench.errors import InputError
from harness.assets import ASSETS, Asset, AssetFile
from harness.weights.download import download
from harness.weights.hashes import check_sha256, file_sha256, record_first_use
from harness.weights.listing import listed_sha256
from harness.weights.places import candidates


@dataclass(frozen=True, slots=True)
class WeightsPolicy:
    """Where weights may come from: an explicit folder, and whether to download what is nowhere on disk.

    `progress(what, done, total)` counts a download's bytes; total is 0 where it is not known.
    """

    folder: Path | None = None
    download: bool = False
    progress: Callable[[str, int, int], None] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.folder is not None and not self.folder.is_dir():
            raise InputError(
                f"weights folder {self.folder} is not a folder; give the folder that holds the weights"
            )


@dataclass(frozen=True, slots=True)
class FoundWeights:
    """Weights on disk. `path` is the file, or the folder of an asset that is used as one.

    `where` says in words which place it was. `verified` tells whether its sha256 was known and checked.
    """

    asset: Asset
    file: AssetFile
    path: Path
    where: str
    verified: bool

    @property
    def main_file(self) -> Path:
        """The file that holds the weights."""
        return self.path / self.file.name if self.asset.beside else self.path

    @property
    def all_files(self) -> tuple[Path, ...]:
        """Every file of the asset, that with the weights first."""
        return (self.main_file, *(self.main_file.parent / name for name in self.asset.beside))

    @property
    def sha256(self) -> str:
        """Of the file that holds the weights; read when it is asked for, then remembered."""
        return file_sha256(self.main_file)


@dataclass(frozen=True, slots=True)
class AssetStatus:
    """A row for people: one asset and where it is or was looked for. `problem` is a hash mismatch."""

    asset: Asset
    found: FoundWeights | None
    looked_in: tuple[str, ...]
    problem: str | None = None

    @property
    def where(self) -> str:
        """One line: the place, the problem, or "not found, looked in ..."."""
        if self.problem:
            return self.problem
        if self.found:
            return f"{self.found.where}: {self.found.path}"
        return "not found, looked in " + ", ".join(self.looked_in)


def asset(asset_id: str) -> Asset:
    """The asset of that id. Raises InputError for an unknown one."""
    try:
        return ASSETS[asset_id]
    except KeyError:
        raise InputError(f"no weights are called {asset_id!r}; known are {', '.join(ASSETS)}") from None


def locate(wanted: Asset | str, policy: WeightsPolicy) -> FoundWeights | None:
    """Finds weights on disk; None where there are none. Never touches the network.

    Raises InputError where a file of that name is there and its sha256 is not the known one.
    """
    wanted = asset(wanted) if isinstance(wanted, str) else wanted
    for where, file, path in candidates(wanted, policy.folder):
        folder = path.parent
        if not path.is_file() or any(not (folder / name).is_file() for name in wanted.beside):
            continue
        verified = False
        for name in (file.name, *wanted.beside):
            known = file.sha256 if name == file.name else None
            expected = known or listed_sha256(folder.parent, wanted.id, folder / name)
            if expected is not None:
                check_sha256(name, folder / name, expected)
                verified = verified or name == file.name
        return FoundWeights(wanted, file, folder if wanted.beside else path, where, verified)
    return None


def find(wanted: Asset | str, policy: WeightsPolicy) -> FoundWeights:
    """Finds weights on disk, or downloads them where `policy.download` allows it.

    Raises InputError where the weights cannot be had, saying which file to put where, and on a hash mismatch.
    """
    wanted = asset(wanted) if isinstance(wanted, str) else wanted
    found = locate(wanted, policy)
    problem = "downloading is off"
    if found is None and policy.download:
        try:
            download(wanted, policy.progress)
            found = locate(wanted, policy)
            problem = "the download left no file"
        except OSError as error:
            problem = f"the download failed ({error})"
    if found is None:
        raise InputError(missing_message(wanted, policy) + f" ({problem})")
    if not found.verified:
        record_first_use(first_use_key(found), found.sha256)
    return found


def first_use_key(found: FoundWeights) -> str:
    """The name under which the sha256 of a first use is written down."""
    return f"{found.asset.id}/{found.file.name}"


def missing_message(wanted: Asset, policy: WeightsPolicy) -> str:
    """One line for a person: what is missing, where it was looked for and what to do."""
    names = " or ".join(dict.fromkeys(_shown_name(wanted, file) for file in wanted.files))
    beside = f" with {', '.join(wanted.beside)} beside it" if wanted.beside else ""
    places = ", ".join(looked_in(wanted, policy))
    return (
        f"{wanted.title} is not on this machine (looked in {places}); put {names}{beside} into a folder and "
        f"name it with --weights DIR or $DRAWBENCH_WEIGHTS"
    )


def looked_in(wanted: Asset, policy: WeightsPolicy) -> tuple[str, ...]:
    """The places of the search in words, in order, without repeats."""
    return tuple(dict.fromkeys(where for where, _, _ in candidates(wanted, policy.folder)))


def status(policy: WeightsPolicy) -> tuple[AssetStatus, ...]:
    """One row for every known asset. A hash mismatch becomes a row's `problem`, not an error."""
    rows = []
    for known in ASSETS.values():
        row = AssetStatus(known, None, looked_in(known, policy))
        try:
            row = replace(row, found=locate(known, policy))
        except InputError as error:
            row = replace(row, problem=str(error))
        rows.append(row)
    return tuple(rows)


def _shown_name(wanted: Asset, file: AssetFile) -> str:
    return f"{wanted.id}/{file.name}" if file.generic or wanted.beside else file.name
