"""Reference statistics as one file: sums over features, and everything that decided them.

The file is an .npz archive. `provenance` is a JSON text; `<extractor>/total` (d,) and `<extractor>/outer`
(d, d) are `Moments` in fp64 over n pictures, and `<extractor>/features` (m, d), where they were kept, the
float32 features of m of them. Files of other tools that hold `mu` (d,) and `sigma` (d, d) can be read too.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from drawbench.errors import InputError
from harness.atomic import write_atomic
from harness.moments import Moments
from harness.picture_folders import shown
from harness.rows import Vectors

FORMAT = "drawbench-reference"
VERSION = 1
INCEPTION_DIM = 2048


@dataclass(frozen=True)
class ExtractorStats:
    """What one extractor saw in the reference pictures: its identity, sums, and features where kept."""

    identity: str
    moments: Moments
    features: Vectors | None = None


@dataclass(frozen=True)
class StatsHead:
    """What a file says about itself. `extractors` maps a name to its identity.

    `identity` names the pictures and what was done to them, `n` how many they are (0 where it is not known),
    `kept` of how many the features are there. For another tool's file `foreign_dim` is the length of its
    vectors, and `extractors` is empty; for an own one it is None.
    """

    identity: str
    n: int
    extractors: Mapping[str, str]
    kept: int
    foreign_dim: int | None
    provenance: Mapping[str, Any]


def write_stats(path: Path, provenance: Mapping[str, Any], found: Mapping[str, ExtractorStats]) -> None:
    """Writes the file whole or not at all. `provenance` needs "identity" and "n". Raises OSError."""
    head = {
        "format": FORMAT,
        "version": VERSION,
        **provenance,
        "extractors": {name: stats.identity for name, stats in found.items()},
        "kept": max((len(s.features) for s in found.values() if s.features is not None), default=0),
    }
    arrays: dict[str, Any] = {"provenance": np.array(json.dumps(head, ensure_ascii=False))}
    for name, stats in found.items():
        arrays[f"{name}/total"] = stats.moments.total
        arrays[f"{name}/outer"] = stats.moments.outer
        if stats.features is not None:
            arrays[f"{name}/features"] = stats.features
    body = io.BytesIO()
    np.savez(body, **arrays)
    write_atomic(path, body.getvalue())


def read_head(path: Path) -> StatsHead:
    """What a file of statistics is, without its sums. Raises InputError where it is none."""
    with _opened(path) as arrays:
        if "provenance" in arrays:
            head = json.loads(str(arrays["provenance"]))
            if head.get("format") != FORMAT or head.get("version") != VERSION:
                raise InputError(f"{shown(path)} was made by another version; make it again")
            return StatsHead(
                str(head["identity"]), int(head["n"]), dict(head["extractors"]), int(head["kept"]), None, head
            )
        if {"mu", "sigma"} <= set(arrays.files):
            mean = arrays["mu"]
            if mean.ndim != 1 or arrays["sigma"].shape != mean.shape * 2:
                raise InputError(f"{shown(path)}: mu and sigma do not fit each other, {mean.shape}")
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            return StatsHead(f"external:{digest[:8]}", 0, {}, 0, mean.shape[0], {})
    raise InputError(
        f"{shown(path)} is no reference statistics: it holds neither what `drawbench reference` writes nor "
        f"mu and sigma"
    )


def read_extractor(path: Path, name: str, head: StatsHead) -> ExtractorStats:
    """The sums of one of `head.extractors`. Raises InputError where they are not there or not whole."""
    with _opened(path) as arrays:
        moments = Moments(head.n, arrays[f"{name}/total"], arrays[f"{name}/outer"])
        features = arrays.get(f"{name}/features")
    _check(path, moments)
    return ExtractorStats(head.extractors[name], moments, features)


def read_foreign(path: Path, n: int) -> Moments:
    """Another tool's mean and covariance as the sums over `n` pictures that they come from, n >= 2.

    total = n mu and outer = (n - 1) sigma + n mu mu'. Raises InputError where they cannot be read.
    """
    with _opened(path) as arrays:
        mean, covariance = arrays["mu"].astype(np.float64), arrays["sigma"].astype(np.float64)
    moments = Moments(n, n * mean, (n - 1) * covariance + n * np.outer(mean, mean))
    _check(path, moments)
    return moments


def _check(path: Path, moments: Moments) -> None:
    total, outer = moments.total, moments.outer
    fits = total.ndim == 1 and outer.shape == total.shape * 2 and moments.n >= 2
    if not (fits and np.isfinite(total).all() and np.isfinite(outer).all()):
        raise InputError(f"{shown(path)}: its sums do not fit each other or are not finite")


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The archive, for reading; whatever is wrong with it becomes an InputError."""
    try:
        with path.open("rb") as file:
            if file.read(2) != b"PK":
                raise InputError(f"{shown(path)} is no .npz file")
        with np.load(path, allow_pickle=False) as arrays:
            yield arrays
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"reference statistics {shown(path)}: no such file") from None
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise InputError(f"reference statistics {shown(path)} cannot be read: {reason}") from None
