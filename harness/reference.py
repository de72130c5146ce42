"""Reference pictures: a folder of files or the `scenes` world, and their features."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from drawbench.errors import InputError
from drawbench.sources import cache_dir
from drawbench.types import Reference
from harness.array_file import load_array, save_array
from harness.extractors.base import ImageExtractor
from harness.features import Item, environment, image_features
from harness.metrics.base import ReferenceFeatures
from harness.rows import Rows, Vectors, as_rows

PICTURE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".jp2"}
)
_SCENES_N = 1000
_SCENES_SIZE = 256
_CHUNK = 16


@dataclass(frozen=True, slots=True)
class ReferenceSource:
    """Where reference pictures come from.

    `kind` "folder": every picture under `location`, at any depth; with `n`, that many of them drawn with
    `seed`. `kind` "scenes": `n` (1000 if None) pictures of the scenes world at `size` pixels with `seed`.
    """

    kind: Literal["folder", "scenes"]
    location: str = ""
    n: int | None = None
    size: int = _SCENES_SIZE
    seed: int = 0

    @classmethod
    def parse(cls, text: str) -> ReferenceSource:
        """Reads "scenes", "scenes:n=500,size=128,seed=1" or a folder's path. Raises InputError."""
        if text == "scenes" or text.startswith("scenes:"):
            given = {"n": _SCENES_N, "size": _SCENES_SIZE, "seed": 0}
            for part in filter(None, text.removeprefix("scenes").removeprefix(":").split(",")):
                name, _, value = part.partition("=")
                if part == "split=test":
                    continue
                if name not in given or not value.isdecimal() or (name != "seed" and int(value) < 2):
                    raise InputError(
                        f"reference {text!r}: {part!r} is not understood; give n=, size= or seed="
                    )
                given[name] = int(value)
            return cls("scenes", "scenes", given["n"], given["size"], given["seed"])
        if not text.strip():
            raise InputError("the reference is empty; give a folder of pictures or 'scenes'")
        return cls("folder", text)

    @classmethod
    def of(cls, reference: Reference) -> ReferenceSource:
        """The source of a bench's own reference. Raises InputError for a kind that is not known."""
        if reference.kind == "scenes":
            return cls.parse(reference.location)
        if reference.kind == "folder":
            return cls("folder", reference.location)
        raise InputError(
            f"reference pictures of kind {reference.kind!r} are not known; use a folder or scenes"
        )


def reference_files(source: ReferenceSource) -> list[Path]:
    """The picture files of a folder source, sorted by their path inside it.

    Raises InputError where the folder is missing or holds no pictures.
    """
    folder = Path(source.location).expanduser()
    if not folder.is_dir():
        raise InputError(f"reference folder {folder} is not a folder")
    inside = (
        path.relative_to(folder) for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES
    )
    names = sorted(p.as_posix() for p in inside if not any(part.startswith(".") for part in p.parts))
    files = [folder / name for name in names if (folder / name).is_file()]
    if not files:
        raise InputError(
            f"reference folder {folder} holds no pictures ({', '.join(sorted(PICTURE_SUFFIXES))})"
        )
    if source.n is not None and source.n < len(files):
        drawn = np.random.default_rng(source.seed).choice(len(files), size=source.n, replace=False)
        files = [files[i] for i in sorted(drawn)]
    return files


def load_reference(
    source: ReferenceSource,
    extractors: Sequence[ImageExtractor],
    *,
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> tuple[ReferenceFeatures, tuple[str, ...]]:
    """Features of the reference pictures, from the cache as far as they are there, and remarks for people.

    A picture that cannot be read is left out and counted in a remark. `progress(done, total)` counts
    pictures. Raises InputError where fewer than 2 pictures can be used.
    """
    if source.kind == "scenes":
        return _scenes(source, extractors, device, progress), ()
    files = reference_files(source)
    found = image_features([Item(path) for path in files], extractors, device=device, progress=progress)
    remarks = []
    if found.failed:
        place, reason = found.failed[0]
        remarks.append(
            f"{len(found.failed)} of {len(files)} reference pictures could not be read and are left out "
            f"(first: {files[place].name}, {reason})"
        )
    if len(found.kept) < 2:
        raise InputError(f"reference folder {source.location} has fewer than 2 pictures that can be read")
    digest = hashlib.sha256("\n".join(sorted(found.sha256)).encode()).hexdigest()[:8]
    return ReferenceFeatures(f"pictures:{digest}", len(found.kept), found.features), tuple(remarks)


def _scenes(
    source: ReferenceSource,
    extractors: Sequence[ImageExtractor],
    device: str,
    progress: Callable[[int, int], None] | None,
) -> ReferenceFeatures:
    """Features of scenes, cached as one array by the world's digest, n, size and seed."""
    from drawbench.benches.scenes import reference_pictures
    from drawbench.scenes import digest

    n = source.n or _SCENES_N
    identity = f"scenes-test:{digest()[:8]}|{source.size}px|seed{source.seed}"
    features: dict[str, Vectors] = {}
    lacking = []
    for extractor in extractors:
        known = load_array(_array_path(identity, n, extractor, device))
        if known is not None and known.shape == (n, extractor.dim):
            features[extractor.name] = known
        else:
            lacking.append(extractor)
    if lacking:
        parts: list[list[Vectors]] = [[] for _ in lacking]
        drawn = reference_pictures(n=n, size=source.size, seed=source.seed)
        done = 0
        while batch := list(itertools.islice(drawn, _CHUNK)):
            for part, extractor in zip(parts, lacking, strict=True):
                part.append(extractor.extract_images(batch))
            done += len(batch)
            if progress:
                progress(done, n)
        for part, extractor in zip(parts, lacking, strict=True):
            features[extractor.name] = np.concatenate(part)
            _remember(_array_path(identity, n, extractor, device), features[extractor.name])
    return ReferenceFeatures(identity, n, _tables(features))


def _tables(features: Mapping[str, Vectors]) -> dict[str, Rows]:
    return {name: as_rows(vectors) for name, vectors in features.items()}


def _array_path(identity: str, n: int, extractor: ImageExtractor, device: str) -> Path:
    key = f"{identity}|n={n}|{extractor.identity}|{device.partition(':')[0]}|{environment()}"
    return cache_dir() / "references" / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.npy"


def _remember(path: Path, features: Vectors) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_array(path, features)
    except OSError:
        return  # a cache that cannot be written to costs time, nothing else
