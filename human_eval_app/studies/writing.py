"""A study folder appears whole or not at all: it is built under another name and then renamed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drawbench.errors import InputError
from harness.atomic import write_atomic
from harness.lock import LOCK_NAME, FolderLock
from human_eval_app.studies.design import StudyDesign
from human_eval_app.studies.study import (
    ADMIN_FILE,
    DATABASE_URL_FILE,
    DESIGN_FILE,
    PICTURES_FOLDER,
    SECRET_BYTES,
    SECRET_FILE,
    Study,
    admin_hash,
)
from human_eval_app.studies.tokens import new_token

_PRIVATE = 0o600


class Written:
    """A finished study, and its admin token, which is kept nowhere."""

    def __init__(self, study: Study, admin_token: str) -> None:
        self.study = study
        self.admin_token = admin_token


class Place:
    """A study being built."""

    def __init__(self, target: Path, part: Path, secret: bytes, database_url: str | None) -> None:
        self._target = target
        self._part = part
        self._database_url = database_url
        self._written: Written | None = None
        self.secret = secret

    @property
    def pictures(self) -> Path:
        """Where pictures are to be written."""
        return self._part / PICTURES_FOLDER

    @property
    def written(self) -> Written:
        """The study, once it is finished."""
        if self._written is None:
            raise RuntimeError("the study is not finished")
        return self._written

    def finish(self, design: StudyDesign) -> None:
        """Writes the other files, flushes all of it and gives the folder its name."""
        token = new_token()
        write_private(self._part / SECRET_FILE, self.secret)
        write_private(self._part / ADMIN_FILE, admin_hash(self.secret, token).encode())
        if self._database_url is not None:
            write_private(self._part / DATABASE_URL_FILE, self._database_url.encode())
        write_atomic(self._part / DESIGN_FILE, design.to_json().encode())
        for folder in (self.pictures, self._part):
            _flush(folder)
        try:
            self._part.rename(self._target)
        except OSError:
            if self._target.exists():
                raise InputError(f"{self._target} exists; give another --out") from None
            raise
        _flush(self._target.parent)
        (self._target / LOCK_NAME).unlink(missing_ok=True)
        self._written = Written(Study.open(self._target), token)


@contextmanager
def building(target: Path, secret: bytes | None = None, database_url: str | None = None) -> Iterator[Place]:
    """Gives a place to build the study `target` in, and removes what is not finished.

    What a killed process left behind is cleared away first. Raises InputError where `target` exists, cannot
    be written, or another process is building it.
    """
    if secret is not None and len(secret) != SECRET_BYTES:
        raise InputError(f"the secret must have {SECRET_BYTES} bytes, not {len(secret)}")
    if target.exists() or target.is_symlink():
        raise InputError(f"{target} exists; a study is never overwritten, so give another --out")
    part = target.with_name(f".{target.name}.part")
    try:
        part.mkdir(parents=True, exist_ok=True)
        part.chmod(0o700)
        lock = FolderLock(part)
    except OSError as error:
        raise InputError(f"cannot write to {target.parent}: {error.strerror}; give another --out") from error
    try:
        for left in part.iterdir():
            if left.name != LOCK_NAME:
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        yield Place(target, part, secret or os.urandom(SECRET_BYTES), database_url)
    except OSError as error:
        raise InputError(
            f"cannot write to {target}: {error.strerror or error}; make room or give another --out"
        ) from error
    finally:
        lock.release()
        shutil.rmtree(part, ignore_errors=True)


def renew_admin_token(study: Study) -> str:
    """Gives the study another admin token and returns it; the old one and all sessions end at once.

    Raises InputError where its hash cannot be written.
    """
    token = new_token()
    replace_private(study.folder / ADMIN_FILE, admin_hash(study.secret, token).encode())
    return token


def replace_private(path: Path, data: bytes) -> None:
    """Like `write_private` for a file that may be there: it is replaced whole. Raises InputError."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        write_private(part, data)
        part.replace(path)
        _flush(path.parent)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from None


def write_private(path: Path, data: bytes) -> None:
    """Writes a new file that only its owner can read (mode 0600 from its first moment) and flushes it.

    Raises FileExistsError where there is one of that name.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _flush(folder: Path) -> None:
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
