"""A run folder opened for writing: pictures by name, one ledger line each, one writer of lines at a time.

A picture is on disk, whole, before its line is in the ledger. So a process killed at any moment leaves at
worst hidden `.part` files, pictures without a line, or a torn last line; all are mended on the next opening,
and the samples are made again.

The pictures may be written by other processes, on this machine or others, and to a place other than the run
folder; the lines and the lock are this process's alone.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from drawbench.errors import InputError
from harness.atomic import remove_parts, writing_to
from harness.ledger import LEDGER_NAME, LedgerWriter, latest
from harness.lock import FolderLock
from harness.picture_place import IMAGES_NAME, FolderPlace, PicturePlace, content_hash, picture_path
from harness.progress import Progress
from harness.types import Failure, Request, Sample

CHECKED_NAME = ".checked"
FETCHERS = 16
FETCH_GROUP = 256


class RunStore:
    """The samples of one run. `place` is where its pictures are written, without it the run folder.

    Raises InputError where the folder is another process's or not writable.
    """

    def __init__(self, run_dir: Path, place: PicturePlace | None = None) -> None:
        self.run_dir = run_dir
        self._own = FolderPlace(run_dir.absolute())
        self.place: PicturePlace = self._own if place is None else place
        with writing_to(run_dir):
            run_dir.mkdir(parents=True, exist_ok=True)
            self._lock = FolderLock(run_dir)
            try:
                remove_parts(run_dir, run_dir / IMAGES_NAME)
                self.place.make()
                self._ledger = LedgerWriter(run_dir / LEDGER_NAME)
            except BaseException:
                self._lock.release()
                raise

    @property
    def lines(self) -> Sequence[Sample]:
        """Every line of the ledger, in order, with those made in this process."""
        return self._ledger.samples

    def settled(self) -> dict[tuple[str, int], Sample]:
        """(prompt id, index) -> its last line, without the ok samples whose picture is gone or damaged.

        A picture's bytes are read and hashed, but for those that no one has touched since `mark_checked`. One
        that is not in the run folder may be in the run's other place; there its name is enough, as whoever
        brings it here checks its hash.
        """
        self._checked_at = self._read_mark()
        samples = latest(self.lines)
        lost = {place for place, sample in samples.items() if not self._is_sound(sample)}
        if lost and self.place != self._own:
            with writing_to(self.run_dir):
                held = self.place.held()
            lost = {place for place in lost if samples[place].path not in held}
        if not lost:
            return samples
        return {place: sample for place, sample in samples.items() if place not in lost}

    def fetch(self, progress: Progress) -> None:
        """Brings the pictures that lie in the run's other place here, and checks their hashes.

        Raises InputError where one cannot be had, or is not the picture of its ledger line.
        """
        if self.place == self._own:
            return
        wanted = [s for s in latest(self.lines).values() if s.status == "ok" and not self._is_sound(s)]
        if not wanted:
            return
        with (
            progress.stage("fetching pictures", len(wanted)) as advance,
            ThreadPoolExecutor(FETCHERS) as pool,
        ):
            for start in range(0, len(wanted), FETCH_GROUP):
                group = wanted[start : start + FETCH_GROUP]
                self._own.write(list(pool.map(self._fetch_one, group)))
                advance(len(group))

    def _fetch_one(self, sample: Sample) -> tuple[str, bytes]:
        path = str(sample.path)
        try:
            data = self.place.read(path)
        except OSError as error:
            raise InputError(f"cannot fetch {path} from {self.place}: {error}") from error
        if content_hash(data) != sample.sha256:
            raise InputError(
                f"{path} at {self.place} is damaged; delete it there, and run the same command again"
            )
        return path, data

    def mark_checked(self) -> None:
        """Notes that every picture of the ledger was written or hashed by this process, and is sound.

        The note is a file. A picture whose ctime, which any write, rename or copy renews, is earlier than the
        note's is as it was then. The note holds its own inode number, so that a copy of it says nothing.
        """
        with writing_to(self.run_dir):
            note = self.run_dir / CHECKED_NAME
            note.unlink(missing_ok=True)
            with note.open("x") as file:
                file.write(str(os.fstat(file.fileno()).st_ino))

    def _read_mark(self) -> int:
        """The time of the last `mark_checked` by the file system's clock, in nanoseconds; 0 without one."""
        note = self.run_dir / CHECKED_NAME
        try:
            status = note.stat()
            return status.st_ctime_ns if note.read_text() == str(status.st_ino) else 0
        except (OSError, ValueError):
            return 0

    def record(self, samples: Sequence[Sample]) -> None:
        """Adds ledger lines. The pictures of those that are ok are in the run's place already."""
        with writing_to(self.run_dir):
            self._ledger.extend(samples)

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
            sha256=content_hash(png),
            seconds=seconds,
            notes=notes,
            cost=cost,
        )
        self.place.write([(relative, png)])
        self.record([sample])
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
        self.record([sample])
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

    _checked_at = 0

    def _is_sound(self, sample: Sample) -> bool:
        if sample.status != "ok":
            return True
        if sample.path is None or sample.sha256 is None:
            return False
        path = f"{self.run_dir}/{sample.path}"
        try:
            if os.stat(path).st_ctime_ns < self._checked_at:  # noqa: PTH116, as there may be a million
                return True
            with open(path, "rb") as file:  # noqa: PTH123
                return hashlib.sha256(file.read()).hexdigest() == sample.sha256
        except OSError:
            return False
