"""What networks said about pictures and texts, on disk by sha256, so that nothing is looked at twice."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from drawbench.sources import cache_dir
from harness.record_store import RecordStore
from harness.rows import Vectors

T = TypeVar("T")


@cache
def environment() -> str:
    """Versions that can move a feature's last digits: part of a cache's key, not of a metric's identity."""
    packages = ("torch", "openvino", "onnxruntime", "pillow", "numpy", "open-clip-torch", "transformers")
    shown = [f"{name}={_version(name)}" for name in packages]
    return ",".join([*shown, platform.machine()])


class Cache(Generic[T]):
    """Values by a sha256 under <cache>/features/<hash of identity>.

    `identity` names what made them, `device` where it ran; together with the versions of the packages they
    choose the folder. Whatever is torn, altered or of another kind counts as absent. Several processes may
    share a cache. A folder that cannot be written to is used for reading only.
    """

    def __init__(self, identity: str, device: str = "cpu", root: Path | None = None) -> None:
        key = f"{identity}|{device.partition(':')[0]}|{environment()}"
        base = cache_dir() if root is None else root
        self.folder = base / "features" / hashlib.sha256(key.encode()).hexdigest()[:16]
        self._records = RecordStore(self.folder, key)

    def get_many(self, sha256: Sequence[str]) -> list[T | None]:
        """Each stored value, None where none is stored whole."""
        found = self._records.get_many(sha256)
        return [None if data is None else self._decode(data) for data in found]

    def get(self, sha256: str) -> T | None:
        """The stored value, or None where none is stored whole."""
        return self.get_many([sha256])[0]

    def put_many(self, values: Sequence[tuple[str, T]]) -> bool:
        """Stores values. False, and nothing is stored, where the folder cannot be written to."""
        return self._records.put_many([(sha256, self._encode(value)) for sha256, value in values])

    def _encode(self, value: T) -> bytes:
        raise NotImplementedError

    def _decode(self, data: bytes) -> T | None:
        raise NotImplementedError


class FeatureCache(Cache[Vectors]):
    """Vectors (dim,), float32. See Cache."""

    def __init__(self, identity: str, dim: int, device: str = "cpu", root: Path | None = None) -> None:
        super().__init__(identity, device, root)
        self._dim = dim

    def _encode(self, value: Vectors) -> bytes:
        return np.ascontiguousarray(value, "<f4").tobytes()

    def _decode(self, data: bytes) -> Vectors | None:
        return np.frombuffer(data, "<f4") if len(data) == 4 * self._dim else None


class ObservationCache(Cache[tuple[Any]]):
    """JSON values, each in a tuple of one, so that a stored null is not an absent one. See Cache."""

    def __init__(self, identity: str, device: str = "cpu", root: Path | None = None) -> None:
        super().__init__(f"observed|{identity}", device, root)

    def _encode(self, value: tuple[Any]) -> bytes:
        return json.dumps(value[0], ensure_ascii=False, separators=(",", ":")).encode()

    def _decode(self, data: bytes) -> tuple[Any] | None:
        try:
            return (json.loads(data),)
        except ValueError:
            return None


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"
