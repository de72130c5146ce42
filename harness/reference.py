"""Reference pictures: a folder of files, statistics made from one, or the `scenes` world."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from drawbench.errors import InputError
from drawbench.sources import cache_dir
from drawbench.types import Reference
from harness.array_file import load_array, save_array
from harness.decode import conversion_remark
from harness.extractors.altered import Altered
from harness.extractors.base import ImageExtractor
from harness.features import Item, environment, image_features
from harness.framing import CROPS, FILTERS, Crop, Filter, Framing
from harness.metrics.base import Metric, ReferenceFeatures, ReferenceRows
from harness.moments import Moments
from harness.picture_folders import drawn, picture_files, shown
from harness.reference_stats import INCEPTION_DIM, StatsHead, read_extractor, read_foreign, read_head
from harness.rows import Rows, Vectors, as_rows

_SCENES_N = 1000
_SCENES_SIZE = 256
_CHUNK = 16
_UNKNOWN_N = 1_000_000  # any number gives the same mean and covariance; this one sets off no warning
_INCEPTIONS = ("inception", "inception_tensorflow", "inception_pytorch")
_OPTION = re.compile(r"\w+=[^/,]*")
_NUMBERS = {"n": 2, "size": 1, "seed": 0}  # an option and its least value


@dataclass(frozen=True, slots=True)
class ReferenceSource:
    """Where reference pictures come from.

    `kind` "folder": every picture under `location`, at any depth, brought to the frame that `size`, `crop`
    and `resize` describe (see Framing); with `n`, that many of them drawn with `seed`. `kind` "stats": a file
    at `location` that `drawbench reference` wrote, or another tool's with mu and sigma, which may come with
    its `n` and the `extractor` that it was made by. `kind` "scenes": `n` (1000 if None) pictures of the
    scenes world at `size` pixels (256 if None) with `seed`.
    """

    kind: Literal["folder", "stats", "scenes"]
    location: str = ""
    n: int | None = None
    size: int | None = None
    seed: int = 0
    crop: Crop = "none"
    resize: Filter = "bicubic"
    extractor: str | None = None

    @property
    def framing(self) -> Framing:
        """What is done to each picture of a folder."""
        return Framing(self.size, self.crop, self.resize)

    @property
    def path(self) -> Path:
        """The folder's or file's path."""
        return Path(self.location).expanduser()

    @classmethod
    def parse(cls, text: str) -> ReferenceSource:
        """Reads what follows --reference. Raises InputError.

        "scenes" or "scenes:n=500,size=128,seed=1"; "folder:PATH,size=256,crop=center,resize=bicubic,n=5000,
        seed=0" or just a folder's path; "stats:FILE,n=30000,extractor=inception" or just a path that ends in
        .npz. Every option can be left out.
        """
        if text == "scenes" or text.startswith("scenes:"):
            given: dict[str, Any] = {"n": _SCENES_N, "size": _SCENES_SIZE, "seed": 0}
            asked = text.removeprefix("scenes").removeprefix(":").split(",")
            asked = [part for part in asked if part not in ("", "split=test")]
            given |= _options(text, asked, ("n", "size", "seed"))
            if given["size"] < 2:
                raise InputError(f"reference {text!r}: size must be at least 2")
            return cls("scenes", "scenes", **given)
        kind, colon, rest = text.partition(":")
        if colon and kind in ("folder", "stats"):
            location, parts = _split_options(rest)
        else:
            kind, location, parts = "folder", text, []
            if text.lower().endswith(".npz") and not Path(text).expanduser().is_dir():
                kind = "stats"
        if not location.strip():
            raise InputError(
                "the reference is empty; give a folder of pictures, a file of statistics or 'scenes'"
            )
        if kind == "stats":
            return cls("stats", location, **_options(text, parts, ("n", "extractor")))
        return cls("folder", location, **_options(text, parts, ("size", "crop", "resize", "n", "seed")))

    @classmethod
    def of(cls, reference: Reference) -> ReferenceSource:
        """The source of a bench's own reference. Raises InputError for a kind that is not known."""
        if reference.kind == "scenes":
            return cls.parse(reference.location)
        if reference.kind == "folder":
            if reference.location.startswith("folder:"):
                return cls.parse(reference.location)
            return cls("folder", reference.location)
        raise InputError(
            f"reference pictures of kind {reference.kind!r} are not known; use a folder or scenes"
        )


def _split_options(text: str) -> tuple[str, list[str]]:
    """A path and the options behind it; a part of an existing path is no option."""
    parts: list[str] = []
    while not Path(text).expanduser().exists():
        start, comma, last = text.rpartition(",")
        if not comma or not _OPTION.fullmatch(last):
            break
        text, parts = start, [last, *parts]
    return text, parts


def _options(text: str, parts: Sequence[str], known: Sequence[str]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for part in parts:
        name, _, value = part.partition("=")
        if name in known and name in _NUMBERS and value.isascii() and value.isdecimal():
            if int(value) >= _NUMBERS[name]:
                given[name] = int(value)
                continue
        elif name in known and (
            (name == "crop" and value in CROPS)
            or (name == "resize" and value in FILTERS)
            or (name == "extractor" and value)
        ):
            given[name] = value
            continue
        choices = {"crop": f"crop={'|'.join(CROPS)}", "resize": f"resize={'|'.join(FILTERS)}"}
        offered = ", ".join(choices.get(name, f"{name}=") for name in known)
        raise InputError(f"reference {text!r}: {part!r} is not understood; give any of {offered}")
    return given


def reference_files(source: ReferenceSource, what: str = "reference folder") -> list[Path]:
    """The picture files of a folder source, sorted by their path inside it. `what` names it in errors.

    Raises InputError where the folder is missing or holds no pictures.
    """
    return drawn(picture_files(source.path, what), source.n, source.seed)


def check_reference(source: ReferenceSource) -> None:
    """Raises InputError where the reference is plainly not there. Reads no picture."""
    if source.kind == "folder":
        reference_files(source)
    if source.kind == "stats":
        read_head(source.path)


def reference_lacks(source: ReferenceSource | None, metric: Metric) -> str | None:
    """Why a metric cannot be computed against this reference, in one line, or None. Reads no picture."""
    if source is None or source.kind != "stats" or not metric.needs_reference:
        return None
    head = read_head(source.path)
    for name in metric.image_extractors:
        if problem := _stats_lack(source, head, name):
            return problem
    if isinstance(metric, ReferenceRows) and metric.needs_reference_rows and not head.kept:
        return _no_rows(source)
    return None


def load_reference(
    source: ReferenceSource,
    extractors: Sequence[ImageExtractor],
    *,
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> tuple[ReferenceFeatures, tuple[str, ...]]:
    """Features of the reference pictures, from the cache as far as they are there, and remarks for people.

    A picture that cannot be read is left out and counted in a remark. `progress(done, total)` counts
    pictures. Raises InputError where fewer than 2 pictures can be used, and where a file of statistics does
    not fit the extractors.
    """
    if source.kind == "scenes":
        return _scenes(source, extractors, device, progress), ()
    if source.kind == "stats":
        return _statistics(source, extractors)
    files = reference_files(source)
    found = image_features(
        [Item(path) for path in files], framed(extractors, source.framing), device=device, progress=progress
    )
    check_enough(files, found.failed, f"reference folder {shown(source.location)}")
    remarks = (
        *unreadable_remark(files, found.failed, "reference pictures"),
        *conversion_remark((files[place] for place in found.kept), "reference pictures"),
    )
    identity = pictures_identity(found.sha256, source.framing)
    return ReferenceFeatures(identity, len(found.kept), found.features), remarks


def framed(extractors: Sequence[ImageExtractor], framing: Framing) -> list[ImageExtractor]:
    """The extractors on pictures brought to that frame, under their own names."""
    if framing == Framing():
        return list(extractors)
    return [Altered(e, framing.identity, framing.apply, e.name) for e in extractors]


def pictures_identity(sha256: Sequence[str], framing: Framing) -> str:
    """What a metric's identity calls reference pictures: by their contents, whatever names and order."""
    digest = hashlib.sha256("\n".join(sorted(sha256)).encode()).hexdigest()[:8]
    return "|".join(filter(None, (f"pictures:{digest}", framing.identity)))


def unreadable_remark(files: Sequence[Path], failed: Sequence[tuple[int, str]], what: str) -> tuple[str, ...]:
    """One line that counts the pictures left out, called `what`; none where all could be read."""
    if not failed:
        return ()
    place, reason = failed[0]
    return (
        f"{len(failed)} of {len(files)} {what} could not be read and are left out "
        f"(first: {shown(files[place].name)}, {reason})",
    )


def check_enough(files: Sequence[Path], failed: Sequence[tuple[int, str]], where: str) -> None:
    """Raises InputError where fewer than 2 pictures of the folder called `where` could be read."""
    if len(files) - len(failed) >= 2:
        return
    first = f" (first: {shown(files[failed[0][0]].name)}, {failed[0][1]})" if failed else ""
    raise InputError(f"{where} has fewer than 2 pictures that can be read{first}")


class _KeptRows(Mapping[str, Rows]):
    """Features that a file of statistics kept; asked for others it says what to do."""

    def __init__(self, source: ReferenceSource, rows: Mapping[str, Rows]) -> None:
        self._source = source
        self._rows = rows

    def __getitem__(self, name: str) -> Rows:
        if name not in self._rows:
            raise InputError(_no_rows(self._source))
        return self._rows[name]

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def _statistics(
    source: ReferenceSource, extractors: Sequence[ImageExtractor]
) -> tuple[ReferenceFeatures, tuple[str, ...]]:
    """The sums of a file. An extractor of another identity than the file's is refused."""
    head = read_head(source.path)
    moments: dict[str, Moments] = {}
    rows: dict[str, Rows] = {}
    for extractor in extractors:
        if problem := _stats_lack(source, head, extractor.name):
            raise InputError(problem)
        if head.foreign_dim is not None:
            if extractor.dim != head.foreign_dim:
                raise InputError(
                    f"{shown(source.location)} holds statistics of {head.foreign_dim} numbers a picture, and "
                    f"extractor {extractor.name} gives {extractor.dim}"
                )
            moments[extractor.name] = read_foreign(source.path, source.n or _UNKNOWN_N)
            continue
        stored = head.extractors[extractor.name]
        if stored != extractor.identity:
            raise InputError(
                f"{shown(source.location)} was made by extractor {stored}, and this machine's is "
                f"{extractor.identity}: their numbers do not compare; make the file again"
            )
        found = read_extractor(source.path, extractor.name, head)
        moments[extractor.name] = found.moments
        if found.features is not None:
            rows[extractor.name] = as_rows(found.features)
    n = (source.n or 0) if head.foreign_dim is not None else head.n
    remarks: tuple[str, ...] = ()
    if head.foreign_dim is not None:
        names = ", ".join(extractor.identity for extractor in extractors)
        number = f"{n}" if n else "an unknown number of"
        remarks = (
            f"{shown(source.location)} is another tool's mean and covariance of {number} pictures; whether "
            f"they were made as {names} does it cannot be checked",
        )
    return ReferenceFeatures(head.identity, n, _KeptRows(source, rows), moments), remarks


def _stats_lack(source: ReferenceSource, head: StatsHead, name: str) -> str | None:
    """Why a file of statistics cannot serve an extractor of that name, or None."""
    where = shown(source.location)
    if head.foreign_dim is None:
        if name in head.extractors:
            return None
        return f"{where} holds statistics of {', '.join(head.extractors)} only, not of {name}"
    if source.extractor is not None:
        return (
            None if name == source.extractor else f"{where} was given as {source.extractor}'s, not {name}'s"
        )
    if head.foreign_dim != INCEPTION_DIM:
        return f"{where} does not say which extractor made it; give stats:{where},extractor=NAME"
    return None if name in _INCEPTIONS else f"{where} holds statistics of Inception, not of {name}"


def _no_rows(source: ReferenceSource) -> str:
    return (
        f"{shown(source.location)} holds sums only, and this metric needs features of single reference "
        f"pictures; give the folder, or make the file with drawbench reference --keep-features N"
    )


def _scenes(
    source: ReferenceSource,
    extractors: Sequence[ImageExtractor],
    device: str,
    progress: Callable[[int, int], None] | None,
) -> ReferenceFeatures:
    """Features of scenes, cached as one array by the world's digest, n, size and seed."""
    from drawbench.benches.scenes import reference_pictures
    from drawbench.scenes import digest

    n, size = source.n or _SCENES_N, source.size or _SCENES_SIZE
    identity = f"scenes-test:{digest()[:8]}|{size}px|seed{source.seed}"
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
        drawn = reference_pictures(n=n, size=size, seed=source.seed)
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


def _tables(features: Mapping[str, Vectors] | Mapping[str, Rows]) -> dict[str, Rows]:
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
