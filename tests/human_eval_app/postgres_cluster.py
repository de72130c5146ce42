"""A PostgreSQL server of the tests' own: made in an empty folder, reached by a socket, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from itertools import count
from pathlib import Path

INSTALLED = Path("/usr/lib/postgresql")
START_SECONDS = 90.0


def postgres_programs() -> Path | None:
    """The folder of the newest installed server's programs, or None where there is no server."""
    folders = sorted(
        (folder for folder in INSTALLED.glob("*/bin") if (folder / "initdb").is_file()),
        key=lambda folder: float(folder.parent.name),
    )
    if folders:
        return folders[-1]
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


class PostgresCluster:
    """A running server. As root it runs as the user `postgres`, since PostgreSQL refuses root.

    Without `durable` it does not wait for the disk: fast, and a killed process still loses nothing.
    """

    def __init__(self, programs: Path, *, durable: bool = False) -> None:
        where = None if durable or not os.access("/dev/shm", os.W_OK) else "/dev/shm"
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir=where))
        self._programs = programs
        self._user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        if self._user:
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
        self._options = [] if durable else ["fsync=off", "full_page_writes=off", "synchronous_commit=off"]
        self._names = count(1)
        self._run(
            "initdb", "-D", str(self.folder / "data"), "-U", "tests", "--auth=trust", "-E", "UTF8",
            "--locale=C", "--no-sync",
        )  # fmt: skip
        self.start()

    def start(self) -> None:
        """Starts the server and waits until it answers."""
        settings = [f"unix_socket_directories={self.folder}", "listen_addresses=", "max_connections=200"]
        arguments = [part for setting in (*settings, *self._options) for part in ("-c", setting)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self._programs / "postgres", "-D", self.folder / "data", *arguments],
                stdout=log,
                stderr=log,
                **self._as_user(),
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.folder / "log").read_text()[-2000:])
            time.sleep(0.1)

    def kill(self) -> None:
        """Kills the server and all of its processes at once, as a power cut would."""
        children = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True, check=False
        ).stdout.split()
        for pid in (self.process.pid, *map(int, children)):
            os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Stops the server and removes its folder."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str) -> str:
        """The URL of a database of this server."""
        return f"postgresql+psycopg://tests@/{database}?host={self.folder}"

    def new_database(self, template: str = "template1") -> str:
        """Makes an empty database (or a copy of `template`) and returns its name."""
        name = f"study_{next(self._names)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def execute(self, statement: str) -> None:
        """Runs a statement as the server's owner, outside a transaction."""
        import psycopg

        with psycopg.connect(f"host={self.folder} user=tests dbname=postgres", autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]

    def _answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(f"host={self.folder} user=tests dbname=postgres", connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            **self._as_user(),
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stdout[-1000:]}{done.stderr[-1000:]}")

    def _as_user(self) -> dict[str, object]:
        if self._user is None:
            return {}
        environment = {**os.environ, "HOME": str(self.folder), "LC_ALL": "C"}
        return {
            "user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": [], "env": environment,
        }  # fmt: skip
