"""The study that this process serves: opened once, shared by the JSON routes and the Streamlit pages."""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

import anyio.to_thread
from starlette.requests import HTTPConnection

from drawbench.errors import InputError
from human_eval_app.store.instants import Clock, utc_now
from human_eval_app.store.rating_store import RatingStore, open_store
from human_eval_app.studies.study import Study
from human_eval_app.web.guesses import GuessLimiter
from human_eval_app.web.security import Site

STUDY_VARIABLE: Final = "DRAWBENCH_STUDY"
BASE_URL_VARIABLE: Final = "DRAWBENCH_BASE_URL"
DATABASE_THREADS: Final = 16

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class RatingService:
    """An open study: its design and pictures, its store, the names it is reached by."""

    study: Study
    store: RatingStore
    site: Site
    guesses: GuessLimiter = field(default_factory=GuessLimiter)
    clock: Clock = utc_now

    @property
    def rater_cookie(self) -> str:
        """The raters' cookie: the study's own, since cookies know no ports and a host may serve two."""
        return self._cookie("rater")

    @property
    def admin_cookie(self) -> str:
        """Name of the administrators' cookie."""
        return self._cookie("admin")

    @property
    def entry_cookie(self) -> str:
        """Name of the cookie that recognises a browser whose entry was not answered (see `entering`)."""
        return self._cookie("entry")

    def seconds(self) -> float:
        """The time in seconds since 1970."""
        return self.clock().timestamp()

    def rater_id(self, connection: HTTPConnection) -> int | None:
        """Whose session cookie a request carries, or None. Reads the database."""
        credential = connection.cookies.get(self.rater_cookie, "")
        return self.store.rater_id_of(credential) if credential else None

    def base_of(self, connection: HTTPConnection) -> str:
        """The address that raters use: the public one, or that of this request (whose Host was checked)."""
        return self.site.base_url or f"{connection.url.scheme}://{connection.headers['host']}"

    def _cookie(self, role: str) -> str:
        tag = hmac.new(self.study.secret, f"cookie:{role}".encode(), hashlib.sha256).hexdigest()[:8]
        return f"{role}_{tag}"


def open_service(folder: str | Path, site: Site) -> RatingService:
    """Opens a study folder with its store. Raises InputError for what is no study or no database."""
    study = Study.open(folder)
    store = open_store(study.database_url, create=True)
    store.register(study.design)
    return RatingService(study, store, site)


_lock = threading.Lock()
_service: RatingService | None = None


def serve(service: RatingService | None) -> None:
    """Makes `service` the one this process serves (None: none)."""
    global _service
    with _lock:
        _service = service


def current() -> RatingService:
    """The service of this process. Raises InputError before `serve`."""
    if _service is None:
        raise InputError(f"no study is served; give one: drawbench rate STUDY, or set {STUDY_VARIABLE}")
    return _service


def study_named(arguments: list[str]) -> Path:
    """The study folder given on the command line after `--`, or by the environment. Raises InputError."""
    given = [argument for argument in arguments if not argument.startswith("-")]
    if len(given) > 1:
        raise InputError(f"one study at a time, not {len(given)}: {' '.join(given)}")
    named = given[0] if given else os.environ.get(STUDY_VARIABLE, "")
    if not named:
        raise InputError(f"which study? Give its folder after --, or set {STUDY_VARIABLE}")
    return Path(named)


_limiter: anyio.CapacityLimiter | None = None


async def in_thread(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Runs what waits for the database or the disk beside the event loop, a bounded number at a time."""
    global _limiter
    if _limiter is None:
        _limiter = anyio.CapacityLimiter(DATABASE_THREADS)
    return await anyio.to_thread.run_sync(lambda: function(*args, **kwargs), limiter=_limiter)
