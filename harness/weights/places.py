"""Where weights may lie on this machine, in the order in which they are looked for."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from drawbench.sources import cache_dir
from harness.assets import Asset, AssetFile

FOLDER_VARIABLE = "DRAWBENCH_WEIGHTS"


def own_folder(asset_id: str) -> Path:
    """Where downloads of an asset are kept."""
    return cache_dir() / "weights" / asset_id


def candidates(wanted: Asset, given_folder: Path | None) -> Iterator[tuple[str, AssetFile, Path]]:
    """(place in words, file, path) in the order of the search; no path need exist.

    The order: `given_folder`, the folder of $DRAWBENCH_WEIGHTS, installed packages, this suite's own cache,
    the caches of the model hub and of torch.hub, and those of tools that use the same files.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    folders = (
        ("--weights folder", given_folder),
        (f"${FOLDER_VARIABLE}", Path(named).expanduser() if named else None),
    )
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
            yield f"package {package}", file, (root or Path(package)) / inside / file.name
    for file in wanted.files:
        yield "own cache", file, own_folder(wanted.id) / file.name
    for file in wanted.files:
        if file.hub:
            for snapshot in hub_snapshots(file.hub):
                yield "model hub's cache", file, snapshot / file.name
    for file in wanted.files:
        if not file.generic:
            yield "torch.hub's cache", file, _torch_hub() / file.name
    for place in wanted.legacy_places:
        shown = place.format(tmp=tempfile.gettempdir())
        for file in wanted.files:
            if not file.generic:
                yield shown, file, Path(shown).expanduser() / file.name


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
