"""A run folder opened for writing: pictures by name, one ledger line each, one writer at a time.

A picture is on disk, whole, before its line is in the ledger. So a process killed at any moment leaves at
worst a hidden temporary file, a picture without a line, or a torn last line; all three are mended on the
next opening, and the sample is made again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from drawbench.errors import InputError
from harness.atomic import remove_parts, write_atomic
from harness.ledger import LEDGER_NAME, LedgerWriter, latest
from harness.lock import FolderLock
from harness.types import Failure, Request, Sample

IMAGES_NAME = "images"


def picture_path(prompt_id: str, index: int) -> str:
    """Where a sample's picture lies, relative to the run folder."""
    return f"{IMAGES_NAME}/{prompt_id}/{index}.png"


class RunStore:
    """The samples of one run. Raises InputError where the folder is another process's or not writable."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        with writing_to(run_dir):
            run_dir.mkdir(parents=True, exist_ok=True)
            self._lock = FolderLock(run_dir)
            try:
                remove_parts(run_dir)
                self._ledger = LedgerWriter(run_dir / LEDGER_NAME)
            except BaseException:
                self._lock.release()
                raise

    @property
    def lines(self) -> Sequence[Sample]:
        """Every line of the ledger, in order, with those made in this process."""
        return self._ledger.samples

    def settled(self) -> dict[tuple[str, int], Sample]:
        """(prompt id, index) -> its last line, without the ok samples whose picture is gone or damaged."""
        samples = latest(self.lines)
        return {place: sample for place, sample in samples.items() if self._is_sound(sample)}

    def put_picture(
        self,
        request: Request,
        key: str,
        png: bytes,
        *,
        seconds: float | None = None,
        notes: tuple[str, ...] = (),
        cost: float | None = None,
    ) -> Sample:
        """Stores a picture's PNG bytes and then its ledger line."""
        relative = picture_path(request.prompt.id, request.index)
        sample = Sample(
            key=key,
            prompt_id=request.prompt.id,
            index=request.index,
            seed=request.seed,
            status="ok",
            path=relative,
            sha256=hashlib.sha256(png).hexdigest(),
            seconds=seconds,
            notes=notes,
            cost=cost,
        )
        with writing_to(self.run_dir):
            path = self.run_dir / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, png)
            self._ledger.append(sample)
        return sample

    def put_failure(
        self, request: Request, key: str, failure: Failure, *, seconds: float | None = None
    ) -> Sample:
        """Writes the ledger line of a sample that has no picture."""
        sample = Sample(
            key=key,
            prompt_id=request.prompt.id,
            index=request.index,
            seed=request.seed,
            status=failure.status,
            seconds=seconds,
            reason=failure.reason,
            cost=failure.cost,
        )
        with writing_to(self.run_dir):
            self._ledger.append(sample)
        return sample

    def close(self) -> None:
        """Closes the ledger and gives the lock back."""
        try:
            self._ledger.close()
        finally:
            self._lock.release()

    def __enter__(self) -> RunStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _is_sound(self, sample: Sample) -> bool:
        if sample.status != "ok":
            return True
        if sample.path is None or sample.sha256 is None:
            return False
        try:
            with (self.run_dir / sample.path).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == sample.sha256
        except OSError:
            return False


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Turns an OSError (full disk, read-only folder, ...) into an InputError that says what to do."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        what = error.filename or folder
        raise InputError(
            f"cannot write to {what}: {why}; what is finished is kept, "
            "so make room or give another --out, and run the same command again"
        ) from error
