"""The one place that finds weights: the user's folder, installed packages, caches, and if allowed the net.

The search goes through, in this order: the folder of `WeightsPolicy.folder`, the folder of
$DRAWBENCH_WEIGHTS, installed packages, this suite's own cache, and the caches of the model hub, of torch.hub
and of the tools that use the same files. Nothing is searched, read or fetched at import. Where a file's
sha256 is known it is checked before use, and another file under the same name stops the work.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from drawbench.errors import InputError
from drawbench.sources import cache_dir
from harness.assets import ASSETS, Asset, AssetFile
from harness.atomic import write_atomic

CONNECT_SECONDS = 4.0
_CHUNK = 1 << 20


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
    for where, file, path in _candidates(wanted, policy):
        folder = path.parent
        if not path.is_file() or any(not (folder / name).is_file() for name in wanted.beside):
            continue
        _check(file, path)
        return FoundWeights(wanted, file, folder if wanted.beside else path, where, file.sha256 is not None)
    return None


def find(wanted: Asset | str, policy: WeightsPolicy) -> FoundWeights:
    """Finds weights on disk, or downloads them where `policy.download` allows it.

    Raises InputError where the weights cannot be had, saying which file to put where, and on a hash mismatch.
    """
    wanted = asset(wanted) if isinstance(wanted, str) else wanted
    found = locate(wanted, policy)
    if found:
        return found
    problem = "downloading is off"
    if policy.download:
        try:
            _download(wanted, policy.progress)
            found = locate(wanted, policy)
            problem = "the download left no file"
        except OSError as error:
            problem = f"the download failed ({error})"
    if found is None:
        raise InputError(missing_message(wanted, policy) + f" ({problem})")
    return found


def missing_message(wanted: Asset, policy: WeightsPolicy) -> str:
    """One line for a person: what is missing, where it was looked for and what to do."""
    names = " or ".join(dict.fromkeys(_shown_name(wanted, file) for file in wanted.files))
    places = ", ".join(looked_in(wanted, policy))
    return (
        f"{wanted.title} is not on this machine (looked in {places}); put {names} into a folder and name it "
        f"with --weights DIR or $DRAWBENCH_WEIGHTS"
    )


def reachable(wanted: Asset | str) -> bool:
    """Whether a source of the asset answers within a few seconds. False when told to stay offline."""
    wanted = asset(wanted) if isinstance(wanted, str) else wanted
    if told_offline():
        return False
    hosts = {urllib.parse.urlsplit(url).netloc: url for _, url in reversed(list(_sources(wanted)))}
    return any(_answers(url) for url in reversed(hosts.values()))


def looked_in(wanted: Asset, policy: WeightsPolicy) -> tuple[str, ...]:
    """The places of the search in words, in order, without repeats."""
    return tuple(dict.fromkeys(where for where, _, _ in _candidates(wanted, policy)))


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


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes, hexadecimal.

    Remembered in the cache folder by path, size and time of change, so large files are read once.
    Raises OSError where the file cannot be read.
    """
    stat = path.stat()
    place, mark = str(path.resolve()), [stat.st_size, stat.st_mtime_ns]
    memory = cache_dir() / "weights" / "hashes.json"
    known = _read_hashes(memory)
    entry = known.get(place)
    if isinstance(entry, list) and entry[:2] == mark and len(entry) == 3:
        return str(entry[2])
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    known[place] = [*mark, digest.hexdigest()]
    with contextlib.suppress(OSError):
        memory.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(memory, json.dumps(known, indent=1).encode())
    return digest.hexdigest()


def _read_hashes(memory: Path) -> dict[str, object]:
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _check(file: AssetFile, path: Path) -> None:
    if file.sha256 is None:
        return
    actual = file_sha256(path)
    if actual != file.sha256:
        raise InputError(
            f"{path} is not the known {file.name}: sha256 {actual}, expected {file.sha256}; "
            f"remove it or replace it by the right file"
        )


def _candidates(wanted: Asset, policy: WeightsPolicy) -> Iterator[tuple[str, AssetFile, Path]]:
    """(place in words, file, path) in the order of the search."""
    folders = [("--weights folder", policy.folder)]
    given = os.environ.get("DRAWBENCH_WEIGHTS")
    folders.append(("$DRAWBENCH_WEIGHTS", Path(given).expanduser() if given else None))
    for where, folder in folders:
        if folder is None:
            continue
        for file in wanted.files:
            yield where, file, folder / wanted.id / file.name
            if not file.generic:
                yield where, file, folder / file.name
    for package, inside in wanted.packages:
        root = _package_folder(package)
        for file in wanted.files:
            where = f"package {package}"
            yield where, file, (root or Path(package)) / inside / file.name
    for file in wanted.files:
        yield "own cache", file, cache_dir() / "weights" / wanted.id / file.name
    for file in wanted.files:
        if file.hub:
            for snapshot in hub_snapshots(file.hub):
                yield "model hub's cache", file, snapshot / file.name
    for file in wanted.files:
        if not file.generic:
            yield "torch.hub's cache", file, _torch_hub() / file.name
    for place in wanted.legacy_places:
        folder = Path(place.format(tmp=tempfile.gettempdir())).expanduser()
        for file in wanted.files:
            if not file.generic:
                yield str(place.format(tmp=tempfile.gettempdir())), file, folder / file.name


def _package_folder(package: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None


def hub_snapshots(repository: str) -> list[Path]:
    """Snapshot folders of a repository in the hub's cache, newest first; one that need not exist if none."""
    home = Path(os.environ.get("HF_HOME") or _user_caches() / "huggingface").expanduser()
    root = Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()
    snapshots = root / ("models--" + repository.replace("/", "--")) / "snapshots"
    try:
        there = sorted(snapshots.iterdir(), key=lambda p: p.stat().st_mtime, reverse=True)
    except OSError:
        there = []
    return there or [snapshots / "none"]


def _torch_hub() -> Path:
    home = os.environ.get("TORCH_HOME") or _user_caches() / "torch"
    return Path(home).expanduser() / "hub" / "checkpoints"


def _user_caches() -> Path:
    """Where the hub and torch keep their caches unless told otherwise."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser()


def _shown_name(wanted: Asset, file: AssetFile) -> str:
    return f"{wanted.id}/{file.name}" if file.generic else file.name


@cache
def _answers(url: str) -> bool:
    """Asked once in a process: a machine without a network would wait for every question."""
    request = urllib.request.Request(url, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=CONNECT_SECONDS):
            return True
    except (OSError, ValueError):
        return False


def told_offline() -> bool:
    """Whether $HF_HUB_OFFLINE forbids asking the network."""
    return os.environ.get("HF_HUB_OFFLINE", "").lower() in {"1", "true", "yes", "on"}


def _sources(wanted: Asset) -> Iterator[tuple[AssetFile, str]]:
    hub = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    for file in wanted.files:
        if file.url:
            yield file, file.url
        elif file.hub:
            yield file, f"{hub}/{file.hub}/resolve/main/{file.name}"


def _download(wanted: Asset, progress: Callable[[str, int, int], None] | None) -> None:
    """Fetches the asset into the own cache from the first source that answers. Raises OSError."""
    if told_offline():
        raise OSError("HF_HUB_OFFLINE is set")
    folder = cache_dir() / "weights" / wanted.id
    folder.mkdir(parents=True, exist_ok=True)
    problem = OSError("no source is known")
    for file, url in _sources(wanted):
        try:
            for name in wanted.beside:
                _fetch(url.removesuffix(file.name) + name, folder / name, None, None)
            _fetch(url, folder / file.name, file, progress)
        except (OSError, ValueError) as error:
            problem = OSError(f"{url}: {error}")
            continue
        return
    raise problem


def _fetch(
    url: str, target: Path, file: AssetFile | None, progress: Callable[[str, int, int], None] | None
) -> None:
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    digest = hashlib.sha256()
    try:
        with urllib.request.urlopen(url, timeout=CONNECT_SECONDS) as source, part.open("wb") as sink:
            total, done = int(source.headers.get("Content-Length") or 0), 0
            while chunk := source.read(_CHUNK):
                sink.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                if progress:
                    progress(f"download {target.name}", done, total)
        if total and done != total:
            raise OSError(f"{done} of {total} bytes came")
        if file and file.sha256 and digest.hexdigest() != file.sha256:
            raise InputError(f"{url} gave another file than the known one: sha256 {digest.hexdigest()}")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
