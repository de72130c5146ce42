"""One pass over pictures: every extractor and observer sees each picture once, and the cache remembers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from drawbench.errors import InputError
from harness.decode import RgbImage
from harness.extractors.base import ImageExtractor, ImageObserver, Prepares, TextExtractor
from harness.feature_cache import Cache, FeatureCache, ObservationCache, environment
from harness.picture_stream import Item, default_workers, open_pictures
from harness.rows import CHUNK, LazyRows, Places, Rows, Vectors

__all__ = ["FeaturePass", "Item", "environment", "image_features", "text_features"]

BATCH = 32
T = TypeVar("T")


@dataclass(frozen=True)
class FeaturePass:
    """What came of one pass over `items`.

    `features` holds for each extractor the rows (n, dim) of the pictures that could be read, which stay in
    the cache on disk until they are asked for; `observations` for each observer its n JSON values. `kept`
    gives the pictures' places in `items`, `sha256` theirs in the same order, `failed` (place, reason).
    """

    features: Mapping[str, Rows]
    kept: tuple[int, ...]
    sha256: tuple[str, ...]
    failed: tuple[tuple[int, str], ...]
    observations: Mapping[str, Sequence[Any]] = field(default_factory=dict)


def image_features(
    items: Sequence[Item],
    extractors: Sequence[ImageExtractor],
    observers: Sequence[ImageObserver] = (),
    *,
    device: str = "cpu",
    workers: int = 0,
    progress: Callable[[int, int], None] | None = None,
    root: Path | None = None,
) -> FeaturePass:
    """Looks at every picture with every extractor and observer, each picture decoded once at most.

    A picture about which all is cached is only hashed. One that is missing, cannot be decoded or is no longer
    the file it was (its sha256 differs) is left out and listed in `failed`; nothing is raised for it. Files
    are read, decoded and prepared by `workers` threads (0: as many as processors, at most 8) while the
    networks run. The number of threads and the order of `items` change no value. Memory does not grow with
    the number of pictures but for their hashes, unless the cache cannot be written to. `progress(done,
    total)` counts items. `root` replaces the cache folder.
    """
    readers: list[_Reader[Any]] = [_feature_reader(e, device, root) for e in extractors]
    readers += [_observation_reader(o, device, root) for o in observers]
    kept: list[int] = []
    hashes: list[str] = []
    failed: list[tuple[int, str]] = []
    with closing(open_pictures(items, readers, workers or default_workers())) as pictures:
        for opened in pictures:
            if opened.reason is not None:
                failed.append((opened.place, opened.reason))
            else:
                kept.append(opened.place)
                hashes.append(opened.sha256)
                for number, prepared in opened.prepared:
                    readers[number].add(opened.sha256, prepared)
            done = opened.place + 1
            if progress and done % BATCH == 0 and done < len(items):
                progress(done, len(items))
    for reader in readers:
        reader.look()
    if progress and items:
        progress(len(items), len(items))
    of_features, of_observations = readers[: len(extractors)], readers[len(extractors) :]
    return FeaturePass(
        features={e.name: _rows(r, hashes, e.dim) for e, r in zip(extractors, of_features, strict=True)},
        kept=tuple(kept),
        sha256=tuple(hashes),
        failed=tuple(failed),
        observations={
            o.name: [value for (value,) in r.read(hashes)]
            for o, r in zip(observers, of_observations, strict=True)
        },
    )


def text_features(
    texts: Iterable[str], extractor: TextExtractor, *, device: str = "cpu", root: Path | None = None
) -> Vectors:
    """Vectors (n, text_dim) of texts, each text embedded once and then cached by its own sha256."""
    asked = list(texts)
    store = FeatureCache("text|" + extractor.text_identity, extractor.text_dim, device, root)
    hashes = {text: hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() for text in asked}
    known = dict(zip(hashes, store.get_many(list(hashes.values())), strict=True))
    lacking = [text for text, vector in known.items() if vector is None]
    if lacking:
        made = list(zip(lacking, extractor.extract_texts(lacking), strict=True))
        store.put_many([(hashes[text], vector) for text, vector in made])
        known.update(made)
    rows = [vector for text in asked if (vector := known[text]) is not None]
    return np.stack(rows) if rows else np.empty((0, extractor.text_dim), np.float32)


@dataclass
class _Reader(Generic[T]):
    """An extractor or observer with its cache. `kept` holds what the cache did not take.

    `prepare` makes of a picture what `looks` needs; `looks` gives a value for each of a batch.
    """

    cache: Cache[T]
    prepare: Callable[[RgbImage], Any]
    looks: Callable[[list[Any]], Sequence[T]]
    may_store: Callable[[T], bool] = lambda value: True
    kept: dict[str, T] = field(default_factory=dict)
    waiting: dict[str, Any] = field(default_factory=dict)

    def lacks(self, sha256: str) -> bool:
        """See picture_stream.Reader."""
        return sha256 not in self.waiting and sha256 not in self.kept and self.cache.get(sha256) is None

    def add(self, sha256: str, prepared: Any) -> None:
        """Queues a picture, unless an equal file came while it was prepared; looks once a batch is full."""
        if self.lacks(sha256):
            self.waiting[sha256] = prepared
            if len(self.waiting) >= BATCH:
                self.look()

    def look(self) -> None:
        """Looks at what is queued and stores what it sees."""
        if not self.waiting:
            return
        seen = list(zip(self.waiting, self.looks(list(self.waiting.values())), strict=True))
        storable = [(sha256, value) for sha256, value in seen if self.may_store(value)]
        stored = bool(storable) and self.cache.put_many(storable)
        taken = {sha256 for sha256, _ in storable} if stored else set()
        self.kept.update((sha256, value) for sha256, value in seen if sha256 not in taken)
        self.waiting = {}

    def read(self, hashes: Sequence[str]) -> list[T]:
        """The values of pictures that were looked at. Raises InputError where the cache lost one."""
        found: list[T] = []
        for sha256, value in zip(hashes, self.cache.get_many(hashes), strict=True):
            there = self.kept.get(sha256, value)
            if there is None:
                raise InputError(f"the cache {self.cache.folder} was changed while in use; run again")
            found.append(there)
        return found


def _feature_reader(extractor: ImageExtractor, device: str, root: Path | None) -> _Reader[Vectors]:
    cache = FeatureCache(extractor.identity, extractor.dim, device, root)

    def finite(vector: Vectors) -> bool:
        return bool(np.isfinite(vector).all())

    if isinstance(extractor, Prepares):
        return _Reader(cache, extractor.prepare, lambda batch: [*extractor.extract_prepared(batch)], finite)
    return _Reader(cache, _as_it_is, lambda batch: [*extractor.extract_images(batch)], finite)


def _observation_reader(observer: ImageObserver, device: str, root: Path | None) -> _Reader[tuple[Any]]:
    cache = ObservationCache(observer.identity, device, root)

    def looks(batch: list[Any]) -> list[tuple[Any]]:
        # through JSON, so that a value is the same whether it comes from the cache or not
        return [(json.loads(json.dumps(value)),) for value in observer.observe_images(batch)]

    return _Reader(cache, _as_it_is, looks)


def _as_it_is(image: RgbImage) -> RgbImage:
    return image


def _rows(reader: _Reader[Vectors], hashes: Sequence[str], dim: int) -> Rows:
    """The vectors of the pictures with these hashes, read where and when they are asked for."""

    def fetch(places: Places) -> Vectors:
        rows = np.empty((places.size, dim), np.float32)
        for start in range(0, places.size, CHUNK):
            part = [hashes[place] for place in places[start : start + CHUNK]]
            for row, vector in enumerate(reader.read(part), start):
                rows[row] = vector
        return rows

    return LazyRows((len(hashes), dim), fetch)
