"""Features on disk: one small file per picture and extractor, so that no picture is looked at twice."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from drawbench.sources import cache_dir
from harness.array_file import load_array, save_array
from harness.decode import PictureError, decode_rgb
from harness.extractors.base import ImageExtractor, TextExtractor
from harness.rows import Vectors

_CHUNK = 16


@cache
def environment() -> str:
    """Versions that can move a feature's last digits: part of a cache's key, not of a metric's identity."""
    packages = ("torch", "pillow", "numpy", "clean-fid", "open-clip-torch", "transformers")
    shown = [f"{name}={_version(name)}" for name in packages]
    return ",".join([*shown, platform.machine()])


class FeatureCache:
    """Vectors by a sha256, under <cache>/features/<hash of identity>/<first two digits>/<sha256>.npy.

    `identity` names the extractor, `device` where it ran; together with the versions of the packages they
    choose the folder. Whatever is torn, altered or of another shape counts as absent. Several processes may
    share a cache. A folder that cannot be written to is used for reading only.
    """

    def __init__(self, identity: str, dim: int, device: str = "cpu", root: Path | None = None) -> None:
        key = f"{identity}|{device.partition(':')[0]}|{environment()}"
        base = cache_dir() if root is None else root
        self.folder = base / "features" / hashlib.sha256(key.encode()).hexdigest()[:16]
        self._key = key
        self._dim = dim
        self._writable = True

    def get(self, sha256: str) -> Vectors | None:
        """The stored vector (dim,), or None where none is stored whole."""
        vector = load_array(self._path(sha256))
        return vector if vector is not None and vector.shape == (self._dim,) else None

    def put(self, sha256: str, vector: Vectors) -> None:
        """Stores a vector (dim,). Does nothing where the folder cannot be written to."""
        if not self._writable:
            return
        path = self._path(sha256)
        try:
            if not path.parent.is_dir():
                path.parent.mkdir(parents=True, exist_ok=True)
                (self.folder / "identity.txt").write_text(self._key + "\n", encoding="utf-8")
            save_array(path, vector)
        except OSError:
            self._writable = False

    def _path(self, sha256: str) -> Path:
        return self.folder / sha256[:2] / f"{sha256}.npy"


@dataclass(frozen=True, slots=True)
class Item:
    """A picture file to look at. `sha256` is the one it must have, None where any will do."""

    path: Path
    sha256: str | None = None


@dataclass(frozen=True)
class FeaturePass:
    """What came of one pass over `items`: for each extractor features (n, dim) of the pictures that could be
    read, `kept` their places in `items`, `sha256` theirs in the same order, `failed` (place, reason)."""

    features: dict[str, Vectors]
    kept: tuple[int, ...]
    sha256: tuple[str, ...]
    failed: tuple[tuple[int, str], ...]


def image_features(
    items: Sequence[Item],
    extractors: Sequence[ImageExtractor],
    *,
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
    root: Path | None = None,
) -> FeaturePass:
    """Features of every picture from every extractor, each picture decoded once at most.

    A picture whose features are all cached is only hashed. One that is missing, cannot be decoded or is no
    longer the file it was (its sha256 differs) is left out and listed in `failed`; nothing is raised.
    `progress(done, total)` counts items. `root` replaces the cache folder.
    """
    caches = [FeatureCache(e.identity, e.dim, device, root) for e in extractors]
    rows: list[list[Vectors]] = [[] for _ in extractors]
    kept: list[int] = []
    hashes: list[str] = []
    failed: list[tuple[int, str]] = []
    for start in range(0, len(items), _CHUNK):
        chunk = range(start, min(start + _CHUNK, len(items)))
        found: dict[int, list[Vectors | None]] = {}
        names: dict[int, str] = {}
        pictures = {}
        for place in chunk:
            try:
                data, names[place] = read_picture(items[place])
                found[place] = [cache_.get(names[place]) for cache_ in caches]
                if any(vector is None for vector in found[place]):
                    pictures[place] = decode_rgb(data)
            except PictureError as error:
                failed.append((place, str(error)))
                found.pop(place, None)
        for e, extractor in enumerate(extractors):
            lacking = [place for place in found if found[place][e] is None]
            vectors = extractor.extract_images([pictures[place] for place in lacking]) if lacking else ()
            for place, vector in zip(lacking, vectors, strict=True):
                if np.isfinite(vector).all():
                    caches[e].put(names[place], vector)
                found[place][e] = vector
            rows[e] += [vector for place in found if (vector := found[place][e]) is not None]
        kept += found
        hashes += [names[place] for place in found]
        if progress:
            progress(chunk.stop, len(items))
    features = {
        extractor.name: np.stack(row) if row else np.empty((0, extractor.dim), np.float32)
        for extractor, row in zip(extractors, rows, strict=True)
    }
    return FeaturePass(features, tuple(kept), tuple(hashes), tuple(failed))


def text_features(
    texts: Iterable[str], extractor: TextExtractor, *, device: str = "cpu", root: Path | None = None
) -> Vectors:
    """Vectors (n, text_dim) of texts, each text embedded once and then cached by its own sha256."""
    asked = list(texts)
    store = FeatureCache("text|" + extractor.text_identity, extractor.text_dim, device, root)
    hashes = {text: hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() for text in asked}
    known = {text: store.get(sha256) for text, sha256 in hashes.items()}
    lacking = [text for text, vector in known.items() if vector is None]
    if lacking:
        for text, vector in zip(lacking, extractor.extract_texts(lacking), strict=True):
            store.put(hashes[text], vector)
            known[text] = vector
    rows = [vector for text in asked if (vector := known[text]) is not None]
    return np.stack(rows) if rows else np.empty((0, extractor.text_dim), np.float32)


def read_picture(item: Item) -> tuple[bytes, str]:
    """A file's bytes and their sha256. Raises PictureError where it is not there or not the recorded one."""
    try:
        data = item.path.read_bytes()
    except OSError as error:
        raise PictureError(f"cannot be read: {error.strerror or error}") from None
    sha256 = hashlib.sha256(data).hexdigest()
    if item.sha256 is not None and sha256 != item.sha256:
        raise PictureError("changed since it was made: its sha256 is not the recorded one")
    return data, sha256


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"
