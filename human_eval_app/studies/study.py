"""A study on disk: its design, its pictures, its secret, and where its ratings are kept.

```
STUDY/design.json          the design, frozen
STUDY/pictures/<id>.png    registered pictures, served byte for byte
STUDY/secret.key           32 random bytes, mode 0600: makes ids, signs picture addresses and cookies
STUDY/admin.hash           the admin token's HMAC under the secret, mode 0600
STUDY/study.db             ratings, unless STUDY/database.url (mode 0600) names another database
```
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from drawbench.errors import InputError
from human_eval_app.studies.design import StudyDesign

DESIGN_FILE = "design.json"
PICTURES_FOLDER = "pictures"
SECRET_FILE = "secret.key"
ADMIN_FILE = "admin.hash"
DATABASE_FILE = "study.db"
DATABASE_URL_FILE = "database.url"
SECRET_BYTES = 32


class TamperedPictureError(InputError):
    """A picture's bytes are not the registered ones, so it must not be shown."""


@dataclass(frozen=True)
class Study:
    """An opened study folder."""

    folder: Path
    design: StudyDesign
    secret: bytes
    database_url: str

    @classmethod
    def open(cls, folder: Path | str) -> Study:
        """Opens a study and checks that every picture is there with its registered number of bytes.

        `verify` also compares their hashes. Raises InputError where something is missing, malformed, or a
        picture has another length.
        """
        folder = Path(folder)
        path = folder / DESIGN_FILE
        if not path.is_file():
            raise InputError(
                f"{folder} is no study: it has no {DESIGN_FILE}; make one with 'drawbench study create'"
            )
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path} cannot be read: {error}") from None
        try:
            design = StudyDesign.from_json(text)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        secret = _read_private(folder / SECRET_FILE)
        if len(secret) != SECRET_BYTES:
            raise InputError(f"{folder / SECRET_FILE} must hold {SECRET_BYTES} bytes, not {len(secret)}")
        study = cls(
            folder,
            design,
            secret,
            _database_url(folder),
        )
        _ = study.admin_hash
        for picture in design.pictures:
            study._check_length(picture.id, picture.bytes)
        return study

    def picture_path(self, picture_id: str) -> Path:
        """Where a registered picture lies. Raises InputError for an id that is not registered."""
        if picture_id not in self.design.picture_by_id:
            raise InputError("no such picture in this study")
        return self.folder / PICTURES_FOLDER / f"{picture_id}.png"

    def picture_bytes(self, picture_id: str) -> bytes:
        """A registered picture's bytes, compared with its sha256 on every reading.

        Raises InputError for an id that is not registered, TamperedPictureError for other bytes.
        """
        path = self.picture_path(picture_id)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise TamperedPictureError(f"picture {path} cannot be read: {error.strerror}") from None
        if hashlib.sha256(data).hexdigest() != self.design.picture_by_id[picture_id].sha256:
            raise TamperedPictureError(f"picture {path} is not the registered one: its sha256 differs")
        return data

    def verify(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Compares every picture's sha256 with the registered one; `progress(done, total)` is told.

        Raises TamperedPictureError at the first that differs.
        """
        total = len(self.design.pictures)
        for done, picture in enumerate(self.design.pictures, start=1):
            self.picture_bytes(picture.id)
            if progress:
                progress(done, total)

    @property
    def admin_hash(self) -> str:
        """What is kept of the admin token now: read anew, since it may be renewed while a server runs."""
        return _read_private(self.folder / ADMIN_FILE).decode("ascii", "replace").strip()

    def is_admin(self, token: str) -> bool:
        """Whether `token` is the study's admin token (compared in constant time)."""
        kept = self.admin_hash
        return bool(kept) and hmac.compare_digest(admin_hash(self.secret, token), kept)

    def _check_length(self, picture_id: str, registered: int) -> None:
        path = self.picture_path(picture_id)
        try:
            found = path.stat().st_size
        except OSError as error:
            raise TamperedPictureError(f"picture {path} cannot be read: {error.strerror}") from None
        if found != registered:
            raise TamperedPictureError(
                f"picture {path} is not the registered one: it has {found} bytes, not {registered}"
            )


def admin_hash(secret: bytes, token: str) -> str:
    """What is kept of an admin token: its HMAC-SHA256 under the study's secret, 64 hex digits."""
    return hmac.new(secret, b"admin:" + token.encode(), hashlib.sha256).hexdigest()


def _read_private(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}; the study cannot be opened without it"
        ) from None


def _database_url(folder: Path) -> str:
    named = folder / DATABASE_URL_FILE
    if named.exists():
        url = _read_private(named).decode("utf-8", "replace").strip()
        if "://" not in url:
            raise InputError(f"{named} must hold a database URL such as postgresql+psycopg://...")
        return url
    return f"sqlite:///{(folder / DATABASE_FILE).absolute()}"
