"""Fetches weights from their publishers: whole, checked, and taken up again where a transfer broke off."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from drawbench.errors import InputError
from harness.assets import Asset, AssetFile
from harness.lock import FolderLock
from harness.weights.hashes import read_sha256
from harness.weights.places import own_folder

CONNECT_SECONDS = 4.0
READ_SECONDS = 30.0
MIRROR_VARIABLE = "DRAWBENCH_WEIGHTS_MIRROR"
_CHUNK = 1 << 16

Progress = Callable[[str, int, int], None]


def sources(wanted: Asset) -> Iterator[tuple[AssetFile, str]]:
    """(file, address) of everything that a download may come from, in order.

    $DRAWBENCH_WEIGHTS_MIRROR, where it is set, comes first: an address under which a bundle (see
    `harness.weights.bundle`) is served. $HF_ENDPOINT moves the model hub.
    """
    mirror = os.environ.get(MIRROR_VARIABLE, "").rstrip("/")
    if mirror:
        for file in wanted.files:
            yield file, f"{mirror}/{wanted.id}/{urllib.parse.quote(file.name)}"
    hub = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    for file in wanted.files:
        if file.url:
            yield file, file.url
        elif file.hub:
            yield file, f"{hub}/{file.hub}/resolve/main/{file.name}"


def reachable(wanted: Asset) -> bool:
    """Whether a source of the asset answers within a few seconds. False when told to stay offline."""
    if told_offline():
        return False
    hosts = {urllib.parse.urlsplit(url).netloc: url for _, url in reversed(list(sources(wanted)))}
    return any(_answers(url) for url in reversed(hosts.values()))


def told_offline() -> bool:
    """Whether $HF_HUB_OFFLINE forbids the network."""
    return os.environ.get("HF_HUB_OFFLINE", "").lower() in {"1", "true", "yes", "on"}


def download(wanted: Asset, progress: Progress | None = None) -> None:
    """Fetches the asset into the own cache from the first source that has it.

    `progress(what, done, total)` counts bytes; total is 0 where it is not known. Raises OSError where no
    source gives the files whole, and InputError where one gives another file than the known one or another
    process is fetching the same asset.
    """
    if told_offline():
        raise OSError("HF_HUB_OFFLINE is set")
    folder = own_folder(wanted.id)
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder, wanted):
        problem = OSError("no source is known")
        for file, url in sources(wanted):
            try:
                for name in wanted.beside:
                    fetch(url.removesuffix(file.name) + name, folder / name)
                fetch(url, folder / file.name, file.sha256, progress)
            except (OSError, ValueError) as error:
                problem = OSError(f"{url}: {error}")
                continue
            return
        raise problem


def fetch(url: str, target: Path, sha256: str | None = None, progress: Progress | None = None) -> None:
    """Fetches one file to `target`, which is there afterwards whole or not at all.

    What came of a transfer that broke off is kept beside it (`.<name>.part`) and is taken up by the next
    call, if the server says by an ETag or a date that its file is the same. Raises OSError where the file
    does not come whole and InputError where its sha256 is not the expected one.
    """
    part = _Part(target)
    start = part.resumable(url)
    if start is None:
        start = 0
        part.discard()
    if start == 0 or start != part.total:
        try:
            _transfer(url, part, start, progress)
        except http.client.HTTPException as error:
            raise OSError(f"the transfer broke off ({type(error).__name__})") from None
    if sha256 is not None and (actual := read_sha256(part.path)) != sha256:
        part.discard()
        raise InputError(f"{url} gave another file than the known one: sha256 {actual}, expected {sha256}")
    part.finish()


class _Part:
    """The beginning of a file and a note of what it is the beginning of."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f".{target.name}.part")
        self._note = target.with_name(f".{target.name}.part.json")
        self.validator = ""
        self.total = 0

    def resumable(self, url: str) -> int | None:
        """How many bytes of `url` are there, or None where nothing can be taken up."""
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            size = self.path.stat().st_size
            if note["url"] != url or not note["validator"] or size > note["total"]:
                return None
            self.validator, self.total = str(note["validator"]), int(note["total"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return size

    def note(self, url: str, headers: Any, total: int) -> None:
        """Writes down what is being fetched. A weak ETag cannot vouch for bytes, a date can."""
        etag = str(headers.get("ETag") or "")
        self.validator = etag if etag.startswith('"') else str(headers.get("Last-Modified") or "")
        self.total = total
        text = json.dumps({"url": url, "validator": self.validator, "total": total})
        self._note.write_text(text, encoding="utf-8")

    def discard(self) -> None:
        for path in (self.path, self._note):
            path.unlink(missing_ok=True)

    def finish(self) -> None:
        with self.path.open("rb+") as file:
            os.fsync(file.fileno())
        self.path.replace(self.target)
        self._note.unlink(missing_ok=True)


def _transfer(url: str, part: _Part, start: int, progress: Progress | None) -> None:
    headers = {"User-Agent": "drawbench-suite"}
    if start:
        headers |= {"Range": f"bytes={start}-", "If-Range": part.validator}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=READ_SECONDS) as source:
        resumed = source.status == 206 and str(source.headers.get("Content-Range", "")).startswith(
            f"bytes {start}-"
        )
        done = start if resumed else 0
        length = int(source.headers.get("Content-Length") or 0)
        total = done + length if length else 0
        with part.path.open("r+b" if resumed else "wb") as sink:
            sink.seek(done)
            part.note(url, source.headers, total)
            while chunk := source.read(_CHUNK):
                try:
                    sink.write(chunk)
                    sink.flush()
                except OSError:  # a full disk: give the space back
                    part.discard()
                    raise
                done += len(chunk)
                if progress:
                    progress(f"download {part.target.name}", done, total)
    if total and done != total:
        raise OSError(f"{done} of {total} bytes came; the same command goes on from there")
    if not part.path.stat().st_size:
        part.discard()
        raise OSError("the file is empty")


@contextlib.contextmanager
def _alone(folder: Path, wanted: Asset) -> Iterator[None]:
    try:
        lock = FolderLock(folder)
    except InputError:
        raise InputError(f"another process is fetching {wanted.id}; wait until it ends") from None
    with lock:
        yield


@cache
def _answers(url: str) -> bool:
    """Asked once in a process: a machine without a network would wait for every question."""
    request = urllib.request.Request(url, method="HEAD", headers={"User-Agent": "drawbench-suite"})
    try:
        with urllib.request.urlopen(request, timeout=CONNECT_SECONDS):
            return True
    except (OSError, ValueError, http.client.HTTPException):
        return False
